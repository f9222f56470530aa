"""How a design declares its state: Flag, Choice, Counter, Contents, Constant and Assumption.

Each is written in the body of a class and behaves, inside an action, like the value it holds. A design reads ``self.phase``,
compares ``self.flagged[page]``, and assigns either; what happens then is in :mod:`.recording`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

from .errors import DesignError, caller_position
from .machine import Extent
from .terms import Boolean, Content, Index, Number, Symbol, Term, check_index, coerce_like

if TYPE_CHECKING:
    from typing import Self

I = TypeVar("I", bound=Index)  # noqa: E741
J = TypeVar("J", bound=Index)
K = TypeVar("K")
V = TypeVar("V", bound=Term)
L = TypeVar("L")


class Arbitrary:
    """The initial value that nobody has set: any value at all."""


arbitrary: Final = Arbitrary()


class Declared:
    """Something that a class declares and the recording knows by name."""

    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.where = caller_position()


class VariableDeclaration(Declared):
    """The parts that scalar and array variables have in common."""

    def __init__(
        self,
        kind: str,
        per: tuple[type[Index], ...],
        initial: bool | int | str | Arbitrary,
        ghost: bool,
        literals: tuple[str, ...] = (),
        maximum: Extent | None = None,
    ) -> None:
        if len(per) > 2:
            raise DesignError("an array over more than two sorts", "use one or two index sorts")
        for sort in per:
            if not (isinstance(sort, type) and issubclass(sort, Index)):
                raise DesignError("'per' holds something that is not an index sort", "give Page, Cpu, Device or your own subclass of Index")
        if isinstance(initial, str) and initial not in literals:
            raise DesignError(f"unknown initial literal {initial!r}", f"this Choice has {', '.join(map(repr, literals))}")
        self.kind, self.per, self.ghost, self.literals, self.maximum = kind, per, ghost, literals, maximum
        self.initial = None if isinstance(initial, Arbitrary) else initial

    def read(self, recording: Any, indices: tuple[Term, ...]) -> Term:
        """The term for a read of this variable, noted by the recording."""
        recording.note_read(self)
        return self.read_silently(indices)

    def read_silently(self, indices: tuple[Term, ...]) -> Term:
        """The term for a read, without noting it: for its sort only."""
        kinds: dict[str, type[Term]] = {"flag": Boolean, "choice": Symbol, "counter": Number, "content": Content}
        return kinds[self.kind]("read", self.name, indices, self.literals)

    def checked_indices(self, key: object) -> tuple[Index, ...]:
        """The indices of ``x[key]`` after a check of their number and sorts."""
        indices = key if isinstance(key, tuple) else (key,)
        if len(indices) != len(self.per):
            raise DesignError(f"{self.name} has {len(self.per)} indices, {len(indices)} given", f"index it by {_names(self.per)}")
        for index, sort in zip(indices, self.per, strict=True):
            check_index(index, sort, self.name)
        return cast(tuple[Index, ...], indices)


def _names(sorts: tuple[type[Index], ...]) -> str:
    return ", ".join(sort.__name__ for sort in sorts)


class Scalar(VariableDeclaration, Generic[V, L]):
    """A variable with one cell."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.read(instance, ())

    def __set__(self, instance: Any, value: V | L) -> None:
        instance.note_write(self, (), coerce_like(value, self.read_silently(())))

    def extended(self, *literals: str) -> Self:
        """This Choice with more literals, for a subclass that adds phases."""
        if self.kind != "choice":
            raise DesignError("only a Choice can be extended", "declare a new variable")
        return type(self)(self.kind, self.per, cast(str, self.initial), self.ghost, self.literals + literals)


class Cells(Generic[K, V, L]):
    """An array variable inside an action: ``cells[page]`` reads, ``cells[page] = value`` writes."""

    def __init__(self, declaration: Array[K, V, L], recording: Any) -> None:
        self.declaration, self.recording = declaration, recording

    def __getitem__(self, key: K) -> V:
        return cast(V, self.declaration.read(self.recording, self.declaration.checked_indices(key)))

    def __setitem__(self, key: K, value: V | L) -> None:
        declaration = self.declaration
        indices = declaration.checked_indices(key)
        self.recording.note_write(declaration, indices, coerce_like(value, declaration.read_silently(indices)))


class Array(VariableDeclaration, Generic[K, V, L]):
    """A variable with one cell for each index, or for each pair of indices."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Cells[K, V, L]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else Cells(self, instance)

    def __set__(self, instance: Any, value: object) -> None:
        raise DesignError(f"{self.name} is assigned as a whole", "index it, or use assign_every(...) for the whole array")

    def extended(self, *literals: str) -> Self:
        """This Choice with more literals, for a subclass that adds states."""
        if self.kind != "choice":
            raise DesignError("only a Choice can be extended", "declare a new variable")
        return type(self)(self.kind, self.per, cast(str, self.initial), self.ghost, self.literals + literals)


@overload
def Flag(*, initial: bool | Arbitrary = ..., ghost: bool = ...) -> Scalar[Boolean, bool]: ...
@overload
def Flag(*, per: type[I], initial: bool | Arbitrary = ..., ghost: bool = ...) -> Array[I, Boolean, bool]: ...
@overload
def Flag(*, per: tuple[type[I], type[J]], initial: bool | Arbitrary = ..., ghost: bool = ...) -> Array[tuple[I, J], Boolean, bool]: ...
def Flag(*, per: Any = None, initial: bool | Arbitrary = False, ghost: bool = False) -> Any:
    """True or false."""
    return _variable("flag", per, initial, ghost)


@overload
def Choice(*literals: str, initial: str | Arbitrary | None = ..., ghost: bool = ...) -> Scalar[Symbol, str]: ...
@overload
def Choice(*literals: str, per: type[I], initial: str | Arbitrary | None = ..., ghost: bool = ...) -> Array[I, Symbol, str]: ...
@overload
def Choice(
    *literals: str, per: tuple[type[I], type[J]], initial: str | Arbitrary | None = ..., ghost: bool = ...
) -> Array[tuple[I, J], Symbol, str]: ...
def Choice(*literals: str, per: Any = None, initial: str | Arbitrary | None = None, ghost: bool = False) -> Any:
    """One of the literals; initially the first, unless said otherwise."""
    if len(literals) < 2 or len(set(literals)) != len(literals):
        raise DesignError("a Choice needs at least two literals, all different", "name them")
    return _variable("choice", per, literals[0] if initial is None else initial, ghost, literals=literals)


@overload
def Counter(maximum: int | Extent, *, initial: int | Arbitrary = ..., ghost: bool = ...) -> Scalar[Number, int]: ...
@overload
def Counter(maximum: int | Extent, *, per: type[I], initial: int | Arbitrary = ..., ghost: bool = ...) -> Array[I, Number, int]: ...
def Counter(maximum: int | Extent, *, per: Any = None, initial: int | Arbitrary = 0, ghost: bool = False) -> Any:
    """A whole number from 0 to ``maximum``. A step that leads outside is a violation that every engine reports."""
    extent = maximum if isinstance(maximum, Extent) else Extent(None, 0, maximum)
    return _variable("counter", per, initial, ghost, maximum=extent)


@overload
def Contents(*, ghost: bool = ...) -> Scalar[Content, Content]: ...
@overload
def Contents(*, per: type[I], ghost: bool = ...) -> Array[I, Content, Content]: ...
@overload
def Contents(*, per: tuple[type[I], type[J]], ghost: bool = ...) -> Array[tuple[I, J], Content, Content]: ...
def Contents(*, per: Any = None, ghost: bool = False) -> Any:
    """Opaque content. What nobody has set is arbitrary: it has no initial value."""
    return _variable("content", per, arbitrary, ghost)


def _variable(kind: str, per: Any, initial: Any, ghost: bool, *, literals: tuple[str, ...] = (), maximum: Extent | None = None) -> Any:
    sorts: tuple[type[Index], ...] = () if per is None else per if isinstance(per, tuple) else (per,)
    make = Array if sorts else Scalar
    return make(kind, sorts, initial, ghost, literals, maximum)


class Constant(Declared, Generic[I]):
    """A named index: the boot CPU, the disk that takes the image. Two constants of one sort are different indices."""

    def __init__(self, sort: type[I]) -> None:
        if not (isinstance(sort, type) and issubclass(sort, Index)):
            raise DesignError("a Constant of something that is not an index sort", "give Page, Cpu, Device or your own subclass of Index")
        self.sort = sort

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> I: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.sort("constant", self.name)

    def __set__(self, instance: Any, value: object) -> None:
        raise DesignError(f"the constant {self.name} is assigned", "a constant keeps its index for ever")


class Assumption(Declared):
    """What the design takes for granted, in one sentence, and the properties that break without it.

    A guard reads it as a condition: ``require(implies(self.flush_before_trust, ...))`` or, for what can only happen without it,
    ``require(~self.flush_before_trust)``. Reading it the other way round is refused, so that dropping it can only add behaviours.
    """

    def __init__(self, title: str, *, protects: str | tuple[str, ...]) -> None:
        self.title = title
        self.protects = (protects,) if isinstance(protects, str) else protects

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Boolean: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else Boolean("assumption", self.name)

    def __set__(self, instance: Any, value: object) -> None:
        raise DesignError(f"the assumption {self.name} is assigned", "an assumption holds for the whole run or not at all")
