"""What bench/run makes of the runs: medians, ratios to the yardsticks, and tables of them."""

import statistics

from parts import MEMORY_CONNECTIONS, NODES, PAUSE_MILLISECONDS, STORM_CONNECTIONS, VERIFY_CONNECTIONS
from scim import LOAD_CONNECTIONS, MANY

CHECK_GOAL = 0.85
PATCH_GOAL, PATCH_GOAL_CONNECTIONS = 1.0, 16
STORM_GOAL = 2.0
T0_GOAL = 3.0
START_GOAL_SECONDS = 2.0
# What is aimed at, and what Microsoft Entra demands of a company's SCIM service, in requests a second.
SCIM_GOAL, SCIM_DEMAND = 1_000, 25
LIST_GOAL = 1.5
MEBIBYTE = 1024 * 1024


def print_table(title, header, rows, note):
    print(f"{title}\n")
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows)]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print(f"\n{note}\n", flush=True)


def median_of(records, name):
    return statistics.median(record[name] for record in records)


def milliseconds(microseconds):
    return f"{microseconds / 1000:.2f}"


def grouped(records, *names):
    """Records by the values that they have for these names, in the order in which they came."""
    groups = {}
    for record in records:
        groups.setdefault(tuple(record.get(name) for name in names), []).append(record)
    return groups


def ratio_of(records, yardstick, name):
    """The ratio of the medians, and the lowest and the highest of a round."""
    ratios = [one[name] / other[name] for one, other in zip(records, yardstick)]
    ratio = median_of(records, name) / median_of(yardstick, name)
    return {"ratio": ratio, "lowest": min(ratios), "highest": max(ratios)}


def goal(value, most=None, least=None):
    if most is not None:
        return {"goal": f"≤ {most:.2f}", "met": value <= most}
    return {"goal": f"≥ {least:.2f}", "met": value >= least}


def ratio_cells(row):
    if "ratio" not in row:
        return [""] * 4
    return [f"{row['ratio']:.2f}", f"{row['lowest']:.2f}–{row['highest']:.2f}", *goal_cells(row)]


def goal_cells(row):
    return [row["goal"], "met" if row["met"] else "MISSED"] if "goal" in row else ["", ""]


def name_of(row):
    return f"{row['what']} on {row['engine']}" if row["engine"] else f"{row['what']}, ceiling"


RATIO_HEADER = ["ratio", "rounds", "goal", ""]


# --- Checks ---------------------------------------------------------------------------------------------------------


def check_rows(records):
    measured = [record for record in records if record["what"] != "warm-up"]
    groups = grouped(measured, "hot", "what", "connections", "engine")
    rows = []
    for (hot, what, connections, engine), mine in groups.items():
        row = {"what": what, "engine": engine, "connections": connections, "hot": hot}
        row |= {name: median_of(mine, name) for name in ("perSecond", "p50us", "p99us")}
        if engine:
            row |= ratio_of(mine, groups[hot, what, connections, None], "perSecond")
            row |= goal(row["ratio"], least=CHECK_GOAL)
        rows.append(row)
    return rows + [record for record in records if record["what"] == "warm-up"]


def print_checks(rows):
    header = ["checks", "hot tokens", "connections", "per second", "p50 ms", "p99 ms", *RATIO_HEADER]
    lines, warmed = [], []
    for row in rows:
        if row["what"] == "warm-up":
            warmed.append(f"{row['hot']:,} on {row['engine']} in {row['seconds']:.1f} s")
            continue
        latency = [milliseconds(row["p50us"]), milliseconds(row["p99us"])]
        counts = [f"{row['hot']:,}", str(row["connections"]), f"{row['perSecond']:,.0f}"]
        lines.append([name_of(row), *counts, *latency, *ratio_cells(row)])
    note = "ratio: to the ceiling's same door; rounds: the lowest and the highest.\n"
    print_table("Checks", header, lines, f"{note}Asked about once before: {'; '.join(warmed)}.")


# --- Deactivations --------------------------------------------------------------------------------------------------


def deactivation_rows(records):
    groups = grouped(records, "what", "engine", "connections")
    rows = []
    for (what, engine, connections), mine in groups.items():
        row = {"what": what, "engine": engine, "connections": connections, "perSecond": median_of(mine, "perSecond")}
        if what == "PATCH":
            row |= {name: median_of(mine, name) for name in ("p50us", "p99us")}
            yardstick = groups["raw loop", engine, 1 if engine == "SQLite" else connections]
            row |= ratio_of(mine, yardstick, "perSecond")
            if connections == PATCH_GOAL_CONNECTIONS:
                row |= goal(row["ratio"], least=PATCH_GOAL)
        rows.append(row)
    return rows


def print_deactivations(rows):
    header = ["deactivations", "connections", "per second", "p50 ms", "p99 ms", *RATIO_HEADER]
    lines = []
    for row in rows:
        latency = [milliseconds(row["p50us"]), milliseconds(row["p99us"])] if "p50us" in row else ["", ""]
        lines.append([name_of(row), str(row["connections"]), f"{row['perSecond']:,.0f}", *latency, *ratio_cells(row)])
    print_table("Deactivations", header, lines, "ratio: to the raw loop of its engine.")


# --- Storm ----------------------------------------------------------------------------------------------------------


def storm_rows(records):
    groups = grouped(records, "what", "engine")
    rows = []
    for (what, engine), mine in groups.items():
        row = {"what": what, "engine": engine}
        row |= {name: median_of(mine, name) for name in ("perSecond", "p50us", "p99us")}
        if what != "alone":
            row |= {"besidePerSecond": median_of(mine, "besidePerSecond")}
            row |= ratio_of(mine, groups["alone", engine], "p99us")
        if what == "beside PATCH":
            row |= goal(row["ratio"], most=STORM_GOAL)
        rows.append(row)
    return rows


def print_storm(rows):
    header = ["verify", "per second", "beside it", "p50 ms", "p99 ms", *RATIO_HEADER]
    lines = []
    for row in rows:
        other = f"{row['besidePerSecond']:,.0f}" if "besidePerSecond" in row else ""
        latency = [milliseconds(row["p50us"]), milliseconds(row["p99us"])]
        lines.append([name_of(row), f"{row['perSecond']:,.0f}", other, *latency, *ratio_cells(row)])
    note = f"{VERIFY_CONNECTIONS} connections, each pausing for {PAUSE_MILLISECONDS} ms on average; "
    note += f"beside it, {STORM_CONNECTIONS} connections without a pause.\nratio: of the 99th percentile to that alone."
    print_table("Checks in a storm", header, lines, note)


# --- T0 -------------------------------------------------------------------------------------------------------------


def t0_rows(records):
    groups = grouped(records, "what")
    rows = []
    for (what,), mine in groups.items():
        row = {"what": what, "engine": "PostgreSQL", "meanUs": median_of(mine, "meanUs")}
        if what != "raw loop":
            row |= {name: median_of(mine, name) for name in ("p50us", "p99us")}
            row |= ratio_of(mine, groups["raw loop",], "meanUs")
        if what == f"{NODES} nodes":
            row |= goal(row["ratio"], most=T0_GOAL)
        rows.append(row)
    return rows


def print_t0(rows):
    if not rows:
        print("One deactivation by itself: skipped, it needs PostgreSQL.\n")
        return
    header = ["one deactivation", "mean ms", "p50 ms", "p99 ms", *RATIO_HEADER]
    lines = []
    for row in rows:
        latency = [milliseconds(row["p50us"]), milliseconds(row["p99us"])] if "p50us" in row else ["", ""]
        lines.append([name_of(row), milliseconds(row["meanUs"]), *latency, *ratio_cells(row)])
    note = "One connection, one PATCH after the other, from the call until it returns.\n"
    note += "ratio: of the mean to the raw loop's."
    print_table("One deactivation by itself", header, lines, note)


# --- Start ----------------------------------------------------------------------------------------------------------


def start_rows(records):
    rows = []
    most = max((record["users"] for record in records), default=0)
    for (engine, users), mine in grouped(records, "engine", "users").items():
        times = [record["seconds"] for record in mine]
        row = {"what": "start", "engine": engine, "users": users, "seconds": statistics.median(times)}
        row |= {"lowest": min(times), "highest": max(times)}
        if users == most:
            row |= goal(row["seconds"], most=START_GOAL_SECONDS)
        rows.append(row)
    return rows


def print_start(rows):
    header = ["start", "users", "seconds", "rounds", "goal", ""]
    lines = []
    for row in rows:
        spread = f"{row['lowest']:.3f}–{row['highest']:.3f}"
        lines.append([row["engine"], f"{row['users']:,}", f"{row['seconds']:.3f}", spread, *goal_cells(row)])
    print_table("Start", header, lines, "From the start of the process until /health/ready says 200.")


# --- Memory ---------------------------------------------------------------------------------------------------------

LATENCIES = ("meP50us", "meP99us", "patchP50us", "patchP99us")


def memory_rows(records):
    """Medians of each database, and what one user more and one credential more cost."""
    rows = []
    for (engine,), mine in grouped(records, "engine").items():
        by_users = grouped((record for record in mine if record["what"] == "users"), "users")
        (few,), (many,) = sorted(by_users)
        small, large = by_users[few,], by_users[many,]
        for users, some in ((few, small), (many, large)):
            row = {"what": "users", "engine": engine, "users": users}
            rows.append(row | {name: median_of(some, name) for name in ("residentBytes", *LATENCIES)})
        multiples = {name: median_of(large, name) / median_of(small, name) for name in ("residentBytes", *LATENCIES)}
        rows.append({"what": "many to few", "engine": engine, **multiples})
        hot = sorted((record for record in mine if record["what"] == "hot"), key=lambda record: record["hot"])
        little, all_hot = hot
        rows += hot
        each = {"user": (rows[-4]["residentBytes"] - rows[-5]["residentBytes"]) / (many - few)}
        each["hot credential"] = (all_hot["residentBytes"] - little["residentBytes"]) / (all_hot["hot"] - little["hot"])
        rows += [{"what": f"one {what} more", "engine": engine, "bytes": size} for what, size in each.items()]
    return rows


def print_memory(rows):
    header = ["memory", "users", "asked about", "remembered", "resident"]
    header += ["GET p50 ms", "GET p99 ms", "PATCH p50 ms", "PATCH p99 ms"]
    lines = []
    for row in rows:
        engine, empty = row["engine"], [""] * 4
        if row["what"] == "users":
            latencies = [milliseconds(row[name]) for name in LATENCIES]
            lines.append([engine, f"{row['users']:,}", "", "", mebibytes(row), *latencies])
        elif row["what"] == "hot":
            lines.append([engine, f"{row['users']:,}", f"{row['asked']:,}", f"{row['hot']:,}", mebibytes(row), *empty])
        elif row["what"] == "many to few":
            multiples = [f"{row[name]:.2f} ×" for name in ("residentBytes", *LATENCIES)]
            lines.append([f"{engine}, many to few", "", "", "", *multiples])
        else:
            lines.append([f"{engine}, {row['what']}", "", "", "", f"{row['bytes']:,.0f} bytes", *empty])
    print_table("Memory", header, lines, f"{MEMORY_CONNECTIONS} connections.")


def mebibytes(row):
    return f"{row['residentBytes'] / MEBIBYTE:.1f} MiB"


# --- SCIM -----------------------------------------------------------------------------------------------------------

PAGE_TIMES = ("firstUs", "beginUs", "middleUs", "endUs")
GROUP_TIMES = ("addOneUs", "removeOneUs", "addManyUs", "removeManyUs")
GROUP_MEMORY = ("beforeBytes", "peakBytes", "residentBytes")


def scim_rows(records):
    tables = grouped(records, "table")
    return scim_load_rows(tables["load",]) + scim_list_rows(tables["list",]) + scim_group_rows(tables["group",])


def scim_load_rows(records):
    rows = []
    for (what, engine), mine in grouped(records, "what", "engine").items():
        row = {"table": "load", "what": what, "engine": engine, "users": mine[0]["users"]}
        row |= {name: median_of(mine, name) for name in ("perSecond", "p50us", "p99us")}
        if what == "mix":
            rates = [record["perSecond"] / SCIM_GOAL for record in mine]
            row |= {"ratio": statistics.median(rates), "lowest": min(rates), "highest": max(rates)}
            row |= {"demands": row["perSecond"] / SCIM_DEMAND} | goal(row["ratio"], least=1)
        rows.append(row)
    return rows


def scim_list_rows(records):
    rows = []
    for (what, engine), mine in grouped(records, "what", "engine").items():
        row = {"table": "list", "what": what, "engine": engine}
        row |= {name: mine[0][name] for name in ("users", "pages", "timedPages")}
        row |= {name: median_of(mine, name) for name in (*PAGE_TIMES, "totalSeconds")}
        ratios = [record["endUs"] / record["beginUs"] for record in mine]
        row |= {"ratio": row["endUs"] / row["beginUs"], "lowest": min(ratios), "highest": max(ratios)}
        rows.append(row | goal(row["ratio"], most=LIST_GOAL))
    return rows


def scim_group_rows(records):
    """Medians of each group, and those of the large one as multiples of those of the small one."""
    rows = []
    for (engine,), mine in grouped(records, "engine").items():
        sizes = [
            {"table": "group", "what": "group", "engine": engine, "members": members}
            | {name: median_of(some, name) for name in (*GROUP_TIMES, *GROUP_MEMORY)}
            for (members,), some in grouped(mine, "members").items()
        ]
        small, large = sizes
        multiples = {name: large[name] / small[name] for name in (*GROUP_TIMES, *GROUP_MEMORY)}
        rows += [small, large, {"table": "group", "what": "large to small", "engine": engine, **multiples}]
    return rows


def print_scim(rows):
    tables = {name: [row for row in rows if row["table"] == name] for name in ("load", "list", "group")}
    print_scim_load(tables["load"])
    print_scim_lists(tables["list"])
    print_scim_groups(tables["group"])


def print_scim_load(rows):
    lines = []
    for row in rows:
        demands = f"{row['demands']:.1f} ×" if "demands" in row else ""
        figures = [f"{row['perSecond']:,.0f}", milliseconds(row["p50us"]), milliseconds(row["p99us"]), demands]
        lines.append([name_of(row), *figures, *ratio_cells(row)])
    note = f"{rows[0]['users']:,} users, {LOAD_CONNECTIONS} connections; below the mix, each kind by itself.\n"
    note += f"demand: Entra's {SCIM_DEMAND} requests a second; ratio: to {SCIM_GOAL:,} a second."
    header = ["SCIM, load", "per second", "p50 ms", "p99 ms", "demand", *RATIO_HEADER]
    print_table("SCIM: load", header, lines, note)


def print_scim_lists(rows):
    lines = []
    for row in rows:
        figures = [f"{row['pages']:,}", *(milliseconds(row[name]) for name in PAGE_TIMES), f"{row['totalSeconds']:.1f}"]
        lines.append([name_of(row), *figures, *ratio_cells(row)])
    note = f"{rows[0]['users']:,} users. The first page also counts them all; begin: the {rows[0]['timedPages']} pages "
    note += "behind it,\nmiddle and end: as many there; ratio: of end to begin."
    header = ["SCIM, lists", "pages", "first ms", "begin ms", "middle ms", "end ms", "all s", *RATIO_HEADER]
    print_table("SCIM: lists", header, lines, note)


def print_scim_groups(rows):
    lines = []
    for row in rows:
        if row["what"] == "group":
            times = [milliseconds(row[name]) for name in GROUP_TIMES]
            memory = [f"{row[name] / MEBIBYTE:.1f} MiB" for name in GROUP_MEMORY]
            lines.append([row["engine"], f"{row['members']:,}", *times, *memory])
        else:
            multiples = [f"{row[name]:.2f} ×" for name in (*GROUP_TIMES, *GROUP_MEMORY)]
            lines.append([f"{row['engine']}, large to small", "", *multiples])
    many = f"{MANY:,}"
    header = ["SCIM, a group", "members", "add 1 ms", "remove 1 ms", f"add {many} ms", f"remove {many} ms"]
    note = "Resident memory of the server: before these changes, the most meanwhile, and after them."
    print_table("SCIM: a group's members", [*header, "before", "peak", "after"], lines, note)


ROWS = {
    "checks": check_rows, "deactivations": deactivation_rows, "storm": storm_rows, "t0": t0_rows, "start": start_rows,
    "memory": memory_rows, "scim": scim_rows,
}
PRINT = {
    "checks": print_checks, "deactivations": print_deactivations, "storm": print_storm, "t0": print_t0,
    "start": print_start, "memory": print_memory, "scim": print_scim,
}
