"""A Redis Cluster of the test's own, of one node or of several."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from helpers.programs import free_port
from helpers.redis_server import POLL, RedisServer

SLOTS = 16_384
PATIENCE = 20.0  # seconds until all nodes know each other: it takes about two


@contextmanager
def redis_cluster(folders: Sequence[Path]) -> Iterator[list[RedisServer]]:
    """A cluster with a node in each folder. Each has an equal part of the keys."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(folder)) for folder in folders]
        for number, node in enumerate(nodes):
            first, after = (SLOTS * place // len(nodes) for place in (number, number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
            node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, _bus(nodes[0]))
        end = time.monotonic() + PATIENCE
        while not all(_is_ready(node, len(nodes)) for node in nodes):
            assert time.monotonic() < end, "the cluster does not come up"
            time.sleep(POLL)
        yield nodes


def _node(folder: Path) -> RedisServer:
    bus = ("--cluster-port", str(free_port()))  # by default 10,000 more, which may be too much
    return RedisServer(folder, ("--cluster-enabled", "yes", *bus))


def _bus(node: RedisServer) -> str:
    return node.options[node.options.index("--cluster-port") + 1]


def _is_ready(node: RedisServer, size: int) -> bool:
    told = str(node.ask("CLUSTER", "INFO"))
    return "cluster_state:ok" in told and f"cluster_size:{size}\r" in told
