"""A write that fails is ended at once, however busily others read."""

import threading

from itonami.graphstore import Store


class Failure(Exception):
    """What the caller's own code raises."""


def test_failed_writes_end_while_other_threads_read_without_a_pause(tmp_path):
    """py-lmdb ends a failed write only when no other thread is in a call of LMDB."""
    with Store.open(tmp_path / "s") as store:
        store.transact("g", lambda graph: graph.add_node("N", id="n") and None, event="made")
        done, failed = threading.Event(), []

        def read():
            while not done.is_set():
                with store._backend.read() as txn:
                    txn.get("meta", b"format")

        def fail(txn):
            txn.put("meta", b"never", b"there")
            raise Failure

        def write():
            for _ in range(20):
                try:
                    store._backend.write(fail)
                except Failure as error:
                    failed.append(error)

        readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
        writer = threading.Thread(target=write, daemon=True)
        for thread in (*readers, writer):
            thread.start()
        writer.join(30)
        stuck = writer.is_alive()
        done.set()
        for thread in (*readers, writer):
            thread.join(30)
        assert not stuck
        assert len(failed) == 20
        with store._backend.read() as txn:
            assert txn.get("meta", b"never") is None
        assert store.verify().ok
