"""A job that died goes on where it stopped: :class:`Journal` records what each key's job did.

    journal = kmoment.Journal("nightly.journal", run="2026-11-25")
    batch = moment.each_account([1234, 5678], lambda it: it.audiences.list(), journal=journal)
    print(batch.collect(), journal.summary())

Start the same program again, with the same file and *run*, and only what is left is done.

The journal is no job system. cron, Airflow, Celery or dramatiq starts, spreads and repeats jobs.
None of them can know whether the write of a worker that died was done. The journal knows at least
that it was begun. ``examples/nightly_*.py`` show it with each of them.

What each entry means, and what happens if its key comes again:

| status | what is known | next time |
|---|---|---|
| pending | nothing was done | it is done |
| begun | a process that lives does it now | ``EntryBusyError``, and nothing is sent |
| ok | it is done | ``AlreadyDoneError`` with the kept value; in a batch, an outcome that is ok |
| failed | an error, and nothing was written | it is done again |
| unknown | a write may have been done | ``EntryUnknownError``; with *repeatable* it is done again |

* An entry is written, and is on the disk, before the job starts, and again when it has ended. If
  the first cannot be written, the job does not start. A batch then stops, and raises
  ``JournalStoreError``.
* A process that was killed leaves its entry begun. Once the process is gone, the entry is
  *unknown*: nobody can tell whether the write was sent. Look at the account, then say what you
  found: ``journal.resolve("1234", "ok")`` or ``journal.forget("1234")``. The command does both too:
  ``kmoment journal resolve`` and ``kmoment journal forget``.
* A process that lives, but could not record an end, keeps its entry begun until it has ended.
* A job that only reads, or one that looks before it writes (``if not find(...): create(...)``), may
  be *repeatable*: it is then done again. Two such jobs may overlap if a machine hangs. And a write
  of a killed process may take effect only after the next job has looked: then it is done twice.
* A key is what counts, not its place: inputs may come and go between runs.
* *run* is one run of one job. Two jobs that share a file need two runs; *job* guards against a
  mistake.
* Whether a job has written anything is known for kmoment's calls only.

A path is an SQLite file. The processes of one machine may share it. A network file system is
refused on Linux, since its locks cannot be trusted. A ``redis://`` URL is for several machines
(``pip install kmoment[fleet]``): there a process that has not been heard of for 30 seconds counts
as dead, and a run is kept for 30 days. What Redis has lost, the journal has lost: let it write to
disk (``appendfsync always``), and set no eviction policy. A Redis Cluster must have one node.

Values are kept as JSON. A model, a plan, an outcome, and what ``ensure`` returns are kept as what
their ``to_dict()`` gives, and come back as that dict.
"""

from .entries import EntryStatus, JournalEntry, JournalRun
from .journal import Beginning, Entry, Journal, runs

__all__ = [
    "Beginning",
    "Entry",
    "EntryStatus",
    "Journal",
    "JournalEntry",
    "JournalRun",
    "runs",
]
