"""Every error a user can meet, as one tree.

    CsimpactError                 one clear line: expected, received, remedy
    ├── RegistryError             venues.toml is contradictory or incomplete
    ├── InputError                a file or argument handed to us cannot be used
    │   ├── UnrecognisedFileError   no importer knows the content
    │   ├── UnreadableFileError     truncated, vanished, not JSON, ...
    │   └── ShrinkError             far smaller than what it would replace
    ├── NotFoundError             an id, venue or year nobody has heard of
    ├── StorageError              the lake cannot be read or written (disk full, read-only, damaged)
    │   ├── ContractError           rows break the table's declared schema or key
    │   └── DamagedError            a file is not what was written: the line says what mends it
    ├── LedgerError               the identity ledger is damaged or contradicts itself
    ├── BusyError                 another refresh holds the lock
    ├── RefreshError              a stage failed; what the stages before it made stays
    ├── ReleaseError              a release cannot be made, or is not what it was
    ├── SourceError               a source's server cannot be reached or answers nonsense
    │   └── BudgetExhaustedError    the source's budget of the day is spent
    ├── ModelError                weights missing, of another hash, or of another shape
    ├── LabelError                scores of two teachers mixed, an audit sheet that cannot be used
    └── TrainingError             nothing to learn from, or no run that did not diverge

The CLI prints the message and exits with code 2; anything outside the tree is a bug and keeps
its traceback.
"""


class CsimpactError(Exception):
    """One clear line: what was expected, what was received, what to do."""


class RegistryError(CsimpactError):
    """The venue registry contradicts itself; the message lists every problem found."""


class InputError(CsimpactError):
    """A file or argument handed to us cannot be used."""


class UnrecognisedFileError(InputError):
    """No importer recognises the content of the file."""


class UnreadableFileError(InputError):
    """The file is truncated, vanished, or is not what its name says."""


class ShrinkError(InputError):
    """A dump is far smaller than the one it would replace; nothing was changed."""


class NotFoundError(CsimpactError):
    """An id, venue or year that the library does not hold."""


class StorageError(CsimpactError):
    """The lake cannot be read or written."""


class ContractError(StorageError):
    """Rows break the declared schema or key of their table; nothing was written."""


class DamagedError(StorageError):
    """A stored file is not what was written; it is not served."""


class LedgerError(CsimpactError):
    """The identity ledger is damaged or contradicts itself."""


class BusyError(CsimpactError):
    """Another process holds the lock."""


class RefreshError(CsimpactError):
    """A stage failed; what the stages before it made stays."""


class ReleaseError(CsimpactError):
    """A release cannot be made now, or is no longer what it was when it was made."""


class SourceError(CsimpactError):
    """A source's server cannot be reached, refuses, or answers nonsense."""


class BudgetExhaustedError(SourceError):
    """The source's budget of the day is spent; the line says when to go on."""


class ModelError(CsimpactError):
    """Model weights are missing, have another hash, or another shape."""


class LabelError(CsimpactError):
    """Labels cannot be used together, or are not what they claim."""


class TrainingError(CsimpactError):
    """Training has nothing to learn from, or diverged in every run."""
