"""A server's state as the lines of a terminal, the most important first: values in, values out.

What clients and programs have named themselves is shown, but never obeyed: no text in a line has a
character that a terminal could take for a command.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias, cast

from hump_trio.command.top_state import RequestState, State, TaskState, WorkState
from hump_trio.command.top_text import (
    CUT,
    count_of,
    count_words,
    cut,
    escape_all,
    escape_text,
    size,
    span,
    width_of,
)

__all__ = ["Style", "render_screen", "render_state"]

Style: TypeAlias = Literal["plain", "bold", "faint", "marked", "alarming"]
REQUEST = ("request", "requests")
MARK = ">"  # before the line of a task that tells the most
# A tree is indented so deep at most.
DEPTH = 8
# A request may take one part in so many of the screen, but no fewer lines than are told here.
SHARE = 4
TREE_LINES = 4
# So much of a path is shown where there is no room for all of it.
PATH_PARTS = 2
# Where there is no terminal nothing is cut.
ENDLESS = 10**6


class Line(NamedTuple):
    """A line of the screen.

    Args:
        text: What it says, without control characters.
        style: How it is to look.
    """

    text: str
    style: Style = "plain"


class Block(NamedTuple):
    """Lines that tell of one thing.

    Args:
        lines: The lines.
        noun: What the thing is, with its plural; None for a heading.
        weight: How many such things it tells of.
    """

    lines: Sequence[Line]
    noun: tuple[str, str] | None = None
    weight: int = 1


def render_screen(
    state: State, *, title: str, alarm: str = "", width: int, height: int
) -> list[Line]:
    """Return the lines of a screen: no more than fit, and the last one says what is left out.

    Args:
        state: What is shown.
        title: Names the server.
        alarm: What is wrong with asking the server; empty if nothing is.
        width: The width of the screen in columns.
        height: Its height in lines.
    """
    clean = cast("State", escape_all(state))
    first = Line(f"{alarm}: {title}", "alarming") if alarm else Line(title, "bold")
    blocks = [Block([first]), *describe_state(clean, width=width, height=height)]
    lines = [line for block in blocks for line in block.lines]
    if len(lines) > height > 1:
        lines[height - 1 :] = [Line(describe_rest(blocks, height - 1), "faint")]
    return [Line(cut(escape_text(text), width), style) for text, style in lines[: max(height, 0)]]


def render_state(state: State, *, title: str) -> list[Line]:
    """Return all that there is to show, however many and long lines that takes."""
    return render_screen(state, title=title, width=ENDLESS, height=ENDLESS)


def describe_rest(blocks: Iterable[Block], shown: int) -> str:
    """Return what of some blocks is left out, in words.

    Args:
        blocks: All of them.
        shown: How many lines are shown of all blocks together.
    """
    counts: dict[tuple[str, str], int] = {}
    begin = left = 0
    for block in blocks:
        end = begin + len(block.lines)
        left += end - max(begin, min(shown, end))
        if begin >= shown and block.noun is not None:
            counts[block.noun] = counts.get(block.noun, 0) + block.weight
        begin = end
    words = [f"{count} {noun[count != 1]}" for noun, count in counts.items()]
    return f"{CUT} left out: {', '.join(words) or count_of(left, 'line')}"


def describe_state(state: State, *, width: int, height: int) -> Iterator[Block]:
    """Yield what there is to show, the most important first.

    Args:
        state: Its texts are escaped.
        width: The width of the screen.
        height: Its height.
    """
    yield Block(list(describe_summary(state)))
    silent = {each["pid"] for each in state["workers"] if each["state"] == "silent"}
    several = len(state["workers"]) > 1 or bool(silent)
    if several:
        yield from table(
            "workers", ("worker", "workers"), ("pid", "age", "requests", "connections", "lag"),
            (
                (str(each["pid"]), span(each["age_seconds"]), str(each["request_count"]),
                 str(each["connection_count"]), span(each["lag_seconds"]),
                 "silent: as when it last answered" if each["pid"] in silent else each["state"])
                for each in state["workers"]
            ),
        )  # fmt: skip
    tree_lines = max(TREE_LINES, height // SHARE)
    if state["requests"]:
        yield Block([Line(f"{'age':>8}  {'phase':<7}  requests, the oldest first", "bold")])
    for request in state["requests"]:
        worker = f", worker {request['pid']}" if several else ""
        if request["pid"] in silent:
            worker += " (silent)"
        yield describe_request(request, worker, width=width, tree_lines=tree_lines)
    younger = state["request_count"] - len(state["requests"])
    if younger > 0:
        line = Line(f"{'':10}and {count_of(younger, 'younger one')}", "faint")
        yield Block([line], REQUEST, younger)
    yield from table(
        "limits in use", ("limit", "limits"), ("used", "of", "waiting"),
        (
            (str(each["used"]), "no limit" if each["total"] is None else f"{each['total']:g}",
             str(each["waiting"]), each["name"])
            for each in state["limits"]
            if each["used"] or each["waiting"]
        ),
    )  # fmt: skip
    yield from table(
        "routes, the busiest first", ("route", "routes"), ("ended", "p50", "p99"),
        (
            (str(each["count"]), f"≤ {span(each['p50_seconds'])}",
             f"≤ {span(each['p99_seconds'])}",
             f"{each['route'] or 'no route'}: {count_words(each['outcomes'])}")
            for each in state["routes"]
        ),
    )  # fmt: skip
    for heading, work in (
        ("the background", state["background"]),
        ("the lifespan", state["lifespan"]),
    ):
        yield from describe_work(heading, work, width=width, tree_lines=tree_lines)
    yield from table(
        "crashes, the last one first", ("crash", "crashes"), ("ago",),
        (
            (span(each["age_seconds"]),
             f"{each['method']} {each['target']}: {', '.join(each['places'])}")
            for each in state["crashes"]
        ),
    )  # fmt: skip


def describe_summary(state: State) -> Iterator[Line]:
    """Yield what is known of the server as a whole."""
    figures = (
        f"{count_of(state['request_count'], 'request')} in flight",
        f"lag {span(state['lag_seconds'])}",
        f"{size(state['buffered_bytes'])} held",
        count_of(state["websockets"], "WebSocket"),
        count_of(state["streams"], "HTTP/2 stream"),
    )
    yield Line(", ".join(figures), "bold")
    count = sum(state["connections"].values())
    yield Line(f"{count_of(count, 'connection')}: {count_words(state['connections'])}")
    yield Line(f"ended since the start: {count_words(state['outcomes'])}")


def describe_request(request: RequestState, worker: str, *, width: int, tree_lines: int) -> Block:
    """Return what is shown of a request.

    Args:
        request: The request.
        worker: Names its process; empty where there is one alone.
        width: The width of the screen.
        tree_lines: How many lines of its tree are shown at most.
    """
    begin = f"{span(request['age_seconds']):>8}  {request['phase']:<7}  "
    end = f"  {request['protocol']} {request['client']}".rstrip() + worker
    room = max(width - len(begin) - len(end), width // 3)
    what = cut(f"{request['method']} {request['target']}", room)
    lines = [Line(f"{begin}{what}{end}", "bold"), Line(f"{'':10}{describe_end(request)}")]
    tree = describe_tasks(request["tasks"], width=width, tree_lines=tree_lines)
    return Block([*lines, *tree], REQUEST)


def describe_end(request: RequestState) -> str:
    """Return what will end a request, and when."""
    left_seconds = request["remaining_seconds"]
    if left_seconds is None:
        return "nothing ends it but its client"
    return f"{span(left_seconds)} left: {request['cause']}, then {request['consequence']}"


def describe_work(
    heading: str, work: Sequence[WorkState], *, width: int, tree_lines: int
) -> Iterator[Block]:
    """Yield the trees of work that no client waits for, below a heading; nothing if there is none.

    Args:
        heading: The heading.
        work: What is shown.
        width: The width of the screen.
        tree_lines: How many lines of each tree are shown at most.
    """
    if work:
        yield Block([Line(heading, "bold")])
    for each in work:
        tree = describe_tasks(each["tasks"], width=width, tree_lines=tree_lines)
        noun = f"task of {heading}", f"tasks of {heading}"
        yield Block([Line(f"  {each['text']}"), *tree], noun)


def describe_tasks(tasks: Sequence[TaskState], *, width: int, tree_lines: int) -> Iterator[Line]:
    """Yield the lines of a tree, in which the ones are marked that something waits at in the end.

    Tasks that stand in the server are left out: they say nothing of the program.

    Args:
        tasks: The tree.
        width: The width of the screen.
        tree_lines: How many lines there are at most, but for one that counts others.
    """
    told = [each for each in tasks if each["line"] or each["library"]]
    for each in islice(told, tree_lines):
        marked = bool(each["line"]) and each["innermost"]
        depth = min(max(each["depth"], 0), DEPTH)
        begin = f"{'':8}{'  ' * depth}{MARK if marked else ' '} "
        place = describe_place(each, width - len(begin))
        yield Line(begin + place, "marked" if marked else "faint")
    if len(told) > tree_lines:
        yield Line(f"{'':10}and {count_of(len(told) - tree_lines, 'more task')}", "faint")


def describe_place(task: TaskState, width: int) -> str:
    """Return where a task stands: with whole paths if there is room, else with their ends."""
    lines = [each for each in (task["line"], task["library"]) if each]
    function = lines[0].rpartition(" in ")[2]
    known = task["name"].startswith("hump_trio.") or task["name"].endswith(function)
    name = "" if known else f"{task['name']} at "
    text = name + ", which led to ".join(lines)
    if width_of(text) <= width:
        return text
    ends = ["/".join(each.split("/")[-PATH_PARTS:]) for each in lines]
    return name + ", which led to ".join(ends)


def table(
    heading: str,
    noun: tuple[str, str],
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> Iterator[Block]:
    """Yield a row of numbers with a text behind them for each thing; nothing if there is none.

    Args:
        heading: What the texts are.
        noun: What a row tells of, with its plural.
        columns: What the numbers are.
        rows: As many numbers, and a text.
    """
    cells = [[*columns, heading], *rows]
    if len(cells) == 1:
        return
    widths = [max(width_of(row[column]) for row in cells) for column in range(len(columns))]
    for index, (*numbers, text) in enumerate(cells):
        aligned = "".join(
            f"  {number:>{width}}" for number, width in zip(numbers, widths, strict=True)
        )
        line = Line(f"{aligned}  {text}", "plain" if index else "bold")
        yield Block([line], noun if index else None)
