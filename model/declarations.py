"""How a design declares its state: Flag, Choice, Counter, Contents, Constant and Assumption.

Each is written in the body of a class and behaves, inside an action, like the value it holds. A design reads ``self.phase``,
compares ``self.flagged[page]``, and assigns either; what happens then is in :mod:`.recording`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

from .errors import DesignError, caller_position
from .machine import Extent
from .terms import Boolean, Content, Index, NoValue, Number, Symbol, Term, checked_indices, coerce_like, is_sort

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


NOT_A_SORT: Final = "give Page, Cpu, Device or your own subclass of Index"


class Declared(NoValue):
    """Something that a class declares and the recording knows by name. ``where`` is the line of the declaration."""

    name: str = ""

    def __init__(self) -> None:
        self.where = caller_position()

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # the first name stays: a second one is refused when the class is made

    def _refusal(self) -> DesignError:
        return DesignError(
            f"{self.name or 'a declaration'} is read from the class, where it has no value", f"write self.{self.name or 'name'}"
        )


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
        super().__init__()
        if len(per) > 2:
            raise DesignError("an array over more than two sorts", "use one or two index sorts")
        for sort in per:
            if not is_sort(sort):
                raise DesignError("'per' holds something that is not an index sort", NOT_A_SORT)
        self.kind, self.per, self.ghost, self.literals, self.maximum = kind, per, ghost, literals, maximum
        self._check_initial(initial)
        self.initial = None if isinstance(initial, Arbitrary) else initial

    def _check_initial(self, initial: object) -> None:
        if isinstance(initial, Arbitrary):
            return
        if self.kind == "choice" and initial not in self.literals:
            raise DesignError(f"unknown initial literal {initial!r}", f"this Choice has {', '.join(map(repr, self.literals))}")
        if self.kind == "flag" and not isinstance(initial, bool):
            raise DesignError(f"a Flag is {initial!r} initially", "give True, False or arbitrary")
        if self.kind == "counter":
            extent = self.maximum
            above = isinstance(initial, int) and extent is not None and extent.sort is None and initial > extent.offset
            if isinstance(initial, bool) or not isinstance(initial, int) or initial < 0 or above:
                raise DesignError(
                    f"a Counter up to {extent} is {initial!r} initially", "give a whole number within its range, or arbitrary"
                )

    def read(self, design: Any, indices: tuple[Term, ...]) -> Term:
        """The term for a read of this variable, noted by the recording that ``design`` stands for."""
        design._recording.note_read(self)
        return self.term(indices)

    def term(self, indices: tuple[Term, ...]) -> Term:
        """The term for a read, without noting it."""
        kinds: dict[str, type[Term]] = {"flag": Boolean, "choice": Symbol, "counter": Number, "content": Content}
        return kinds[self.kind]("read", self.name, indices, self.literals)

    def coerced(self, value: object, indices: tuple[Term, ...]) -> Term:
        """A value as a term of this variable's sort; refuses what has another sort."""
        model = self.term(indices)
        model.used = True
        return coerce_like(value, model)

    def more_literals(self, literals: tuple[str, ...]) -> tuple[str, ...]:
        """The literals of this Choice and more of them."""
        if self.kind != "choice":
            raise DesignError(f"{self.name} is no Choice, and only a Choice can be extended", "declare a new variable")
        if not literals:
            raise DesignError(f"{self.name} is extended by nothing", "name the new literals")
        return checked_literals(self.literals + literals)


class Scalar(VariableDeclaration, Generic[V, L]):
    """A variable with one cell."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.read(instance, ())

    def __set__(self, instance: Any, value: V | L) -> None:
        instance._recording.note_write(self, (), self.coerced(value, ()))

    def extended(self, *literals: str) -> Self:
        """This Choice with more literals, for a subclass that adds phases."""
        more = self.more_literals(literals)
        return type(self)(self.kind, self.per, arbitrary if self.initial is None else self.initial, self.ghost, more)


class Cells(NoValue, Generic[K, V, L]):
    """An array variable inside an action: ``cells[page]`` reads, ``cells[page] = value`` writes."""

    def __init__(self, declaration: Array[K, V, L], design: Any) -> None:
        self.declaration, self.design = declaration, design

    def __getitem__(self, key: K) -> V:
        declaration = self.declaration
        return cast(V, declaration.read(self.design, checked_indices(key, declaration.per, declaration.name)))

    def __setitem__(self, key: K, value: V | L) -> None:
        declaration = self.declaration
        indices = checked_indices(key, declaration.per, declaration.name)
        self.design._recording.note_write(declaration, indices, declaration.coerced(value, indices))

    def _refusal(self) -> DesignError:
        name, sorts = self.declaration.name, ", ".join(sort.__name__.lower() for sort in self.declaration.per)
        return DesignError(
            f"the array {name} is used without an index", f"write {name}[{sorts}], inside every(...) or some(...) for all of it"
        )


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
        more = self.more_literals(literals)
        return type(self)(self.kind, self.per, arbitrary if self.initial is None else self.initial, self.ghost, more)


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
    checked_literals(literals)
    return _variable("choice", per, literals[0] if initial is None else initial, ghost, literals=literals)


def checked_literals(literals: tuple[str, ...]) -> tuple[str, ...]:
    """The literals of a Choice; refuses what cannot be told apart."""
    if len(literals) < 2 or len(set(literals)) != len(literals) or not all(isinstance(literal, str) for literal in literals):
        raise DesignError("a Choice needs at least two literals, all different texts", "name them")
    return literals


@overload
def Counter(maximum: int | Extent, *, initial: int | Arbitrary = ..., ghost: bool = ...) -> Scalar[Number, int]: ...
@overload
def Counter(maximum: int | Extent, *, per: type[I], initial: int | Arbitrary = ..., ghost: bool = ...) -> Array[I, Number, int]: ...
@overload
def Counter(
    maximum: int | Extent, *, per: tuple[type[I], type[J]], initial: int | Arbitrary = ..., ghost: bool = ...
) -> Array[tuple[I, J], Number, int]: ...
def Counter(maximum: int | Extent, *, per: Any = None, initial: int | Arbitrary = 0, ghost: bool = False) -> Any:
    """A whole number from 0 to ``maximum``. A step that leads outside is a violation that every engine reports."""
    extent = extent_of(maximum)
    if extent is None:
        raise DesignError(f"a Counter up to {maximum!r}", "give a whole number above 0, or one made with number_of(...)")
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


def extent_of(maximum: object) -> Extent | None:
    """The largest value of a Counter or of a Number that a step chooses; None if this cannot be one."""
    if isinstance(maximum, int) and not isinstance(maximum, bool) and maximum > 0:
        return Extent(None, 0, maximum)
    return maximum if isinstance(maximum, Extent) else None


def _variable(kind: str, per: Any, initial: Any, ghost: bool, *, literals: tuple[str, ...] = (), maximum: Extent | None = None) -> Any:
    sorts: tuple[type[Index], ...] = () if per is None else per if isinstance(per, tuple) else (per,)
    make = Array if sorts else Scalar
    return make(kind, sorts, initial, ghost, literals, maximum)


class Constant(Declared, Generic[I]):
    """A named index: the boot CPU, the disk that takes the image. Two constants of one sort are different indices."""

    def __init__(self, sort: type[I]) -> None:
        super().__init__()
        if not is_sort(sort):
            raise DesignError("a Constant of something that is not an index sort", NOT_A_SORT)
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
    ``said`` is where and how the design's source (a paper, a mail) says it; without it, the source leaves it open.
    """

    def __init__(self, title: str, *, protects: str | tuple[str, ...], said: str = "") -> None:
        super().__init__()
        if not title or not protects:
            raise DesignError("an Assumption without a sentence, or without a property that it protects", "give both")
        self.title = title
        self.protects = (protects,) if isinstance(protects, str) else tuple(protects)
        self.said = said

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Boolean: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else Boolean("assumption", self.name)

    def __set__(self, instance: Any, value: object) -> None:
        raise DesignError(f"the assumption {self.name} is assigned", "an assumption holds for the whole run or not at all")
