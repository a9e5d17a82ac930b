"""TCP proxies that can misbehave. A process of its own, so that it and the checks do not slow each other down.

It reads commands from standard input, one JSON object a line, and answers each with one.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading


class Proxy:
    """Passes bytes between a port and a target; holds them, delays them, or drops its connections when told to."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.server, self.delay, self.links = None, 0.0, set()
        self.open = {"up": asyncio.Event(), "down": asyncio.Event()}

    async def set(self, mode, direction="both", delay=0.0):
        for name, gate in self.open.items():
            held = mode == "stall" and direction in ("both", name)
            gate.clear() if held else gate.set()
        self.delay = delay if mode == "delay" else 0.0
        if mode in ("drop", "close"):
            self.close()
        elif self.server is None:
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        if mode == "drop":
            for writer in list(self.links):
                writer.transport.abort()

    def close(self):
        """Refuses what comes; what is open stays so."""
        if self.server is not None:
            self.server.close()
            self.server = None

    async def serve(self, reader, writer):
        self.links.add(writer)
        with contextlib.suppress(OSError):
            await self.open["up"].wait()
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.target)
            self.links.add(onward_writer)
            up = self.pump(reader, onward_writer, self.open["up"])
            down = self.pump(onward_reader, writer, self.open["down"])
            await asyncio.gather(up, down)
            self.links.discard(onward_writer)
        self.links.discard(writer)
        writer.close()

    async def pump(self, reader, writer, gate):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await gate.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        await gate.wait()
        writer.close()

    def ports(self):
        """Our ends of the connections to the target, by which its server knows them."""
        names = [writer.get_extra_info("sockname") for writer in self.links]
        peers = [writer.get_extra_info("peername") for writer in self.links]
        return [name[1] for name, peer in zip(names, peers) if peer and peer[1] == self.target]


async def obey(proxies, command):
    name = command.pop("proxy")
    if "target" in command:
        proxies[name] = Proxy(command["port"], command["target"])
        await proxies[name].set("pass")
    elif "mode" in command:
        await proxies[name].set(**command)
    return {"ports": proxies[name].ports()}


async def serve():
    loop, proxies = asyncio.get_running_loop(), {}
    loop.set_exception_handler(lambda *_: None)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await obey(proxies, json.loads(line))), flush=True)


class Proxies:
    """The process, as the one who commands it sees it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lock = threading.Lock()

    def tell(self, proxy, **command):
        with self.lock:
            print(json.dumps({"proxy": proxy, **command}), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(serve())
