"""The compliance suite: runs `scim2-cli test`, and reads what it says about each check."""

import collections
import re

from system import Trouble, environment, run

VERDICT = re.compile(r"^(SUCCESS|COMPLIANT|ACCEPTABLE|DEVIATION|ERROR|CRITICAL|SKIPPED) (\w+)$", re.MULTILINE)
# Made once for users and once for groups, in each run that deserves its name.
OF_EACH_RESOURCE = (
    "object_creation", "object_query", "object_query_without_id", "object_query_with_attributes",
    "object_list_with_attributes", "search_with_attributes", "object_replacement", "object_deletion",
    "check_add_attribute", "check_remove_attribute", "check_replace_attribute",
)  # fmt: skip
OF_DISCOVERY = (
    "service_provider_config_endpoint", "service_provider_config_endpoint_methods", "query_all_resource_types",
    "query_resource_type_by_id", "resource_types_schema_validation", "access_invalid_resource_type",
    "query_all_schemas", "access_schema_by_id", "access_invalid_schema", "schemas_endpoint_methods", "random_url",
)  # fmt: skip
SHOWN = 1500


class Outcome:
    """`checks` are pairs of a verdict and a name; `problems` are texts."""

    def __init__(self, status, output):
        heads = list(VERDICT.finditer(output))
        ends = [head.start() for head in heads[1:]] + [len(output)]
        self.checks = [(head[1], head[2]) for head in heads]
        self.problems = [
            output[head.start() : end].strip()[:SHOWN]
            for head, end in zip(heads, ends, strict=True)
            if head[1] != "SUCCESS"
        ]
        done = collections.Counter(name for verdict, name in self.checks if verdict == "SUCCESS")
        wanted = {**dict.fromkeys(OF_DISCOVERY, 1), **dict.fromkeys(OF_EACH_RESOURCE, 2)}
        for name, times in wanted.items():
            if done[name] < times:
                self.problems.append(f"{name} succeeded {done[name]} times, not {times}")
        if status != 0 and not self.problems:
            self.problems.append(f"scim2-cli ended with status {status}: {output.strip()[-SHOWN:]}")

    def summary(self):
        counts = collections.Counter(verdict for verdict, _ in self.checks)
        told = ", ".join(f"{count} {verdict.lower()}" for verdict, count in sorted(counts.items()))
        return f"{len(self.checks)} checks: {told or 'none'}"


def try_company(program, company):
    """Runs the suite with the company's token."""
    # The token is in the environment: everybody on the machine can read arguments.
    headers = {"SCIM_CLI_HEADERS": f"Authorization: Bearer {company.token}"}
    done = run([program, "--url", company.scim, "test", "--verbose"], env=environment(("SCIM_CLI_",), **headers))
    if not VERDICT.search(done.stdout):
        raise Trouble(f"scim2-cli made no check: {(done.stdout + done.stderr).strip()[-3000:]}")
    return Outcome(done.returncode, done.stdout)
