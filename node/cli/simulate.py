"""`simulate`: liars and bad networks against the code that ships, from a seed."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import Progress, bar, example, print_json, print_table
from node.errors import ExitCode, OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.simulate.protocol import Findings, Setting
    from node.simulate.worlds import World

ALL = "all"

PLANNED_NODES_MAX = 200
"""With more nodes, drawing their seats takes several times as long as everything else."""

OF_LEVEL = {"ratings": ("probes", "leaks", "seats", "self_rating"), "protocol": ("network", "crashes", "newcomers")}
"""Options that only one level has a use for."""

_OTHER = {"ratings": "protocol", "protocol": "ratings"}

ATTACKS = """\b
Attacks on ratings:
  const1 const0 random inverted copycat_cr camouflage clique stealth aware
  sleeper sybil; also copycat oscillate whitewash majority marginal
  poisoning trick-probes
Attacks on the protocol:
  const1 const0 random inverted copycat clique forged-check check-gang
  fetch-gang probe-maker withholder late-revealer equivocator flooder
  crowder diskless drifter idler late-copier late-thief list-forger rusher
  silent thief

"""


@click.command(
    epilog=ATTACKS
    + example(
        "swarm-node simulate",
        "swarm-node simulate --attack clique --adversaries 0.45 --seeds 12 --processes 2",
        "swarm-node simulate --nodes 1000 --rounds 10000 --attack clique",
        "swarm-node simulate --attack clique --seed 7 --transcript",
        "swarm-node simulate --level protocol --attack equivocator --network lossy --crashes --seeds 5",
    )
)
@click.option(
    "--level",
    type=click.Choice(["ratings", "protocol"]),
    default="ratings",
    show_default=True,
    help="Aggregation and reputation alone, thousands of nodes; or whole members and their messages, tens of nodes.",
)
@click.option("--attack", "attacks", multiple=True, metavar="NAME", help="One or more; `all`, `none`; see below.")
@click.option(
    "--adversaries", type=click.FloatRange(0, 1), help="Their share of the nodes.  [default: 0.3; protocol 0.28]"
)
@click.option("--nodes", type=click.IntRange(4, 100_000), help="[default: 20; protocol 7]")
@click.option("--rounds", type=click.IntRange(1, 1_000_000), help="[default: 40; protocol 20]")
@click.option(
    "--tasks",
    type=click.IntRange(1, 10_000),
    help="Per round.  [default: a tenth of the nodes, 10 or more; protocol 4]",
)
@click.option("--committee", default=5, show_default=True, type=click.IntRange(1, 100), help="Raters of a task.")
@click.option(
    "--probes",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of probe tasks (ratings); seats by standing: if below 0.1, more where little is known.",
)
@click.option(
    "--leaks",
    type=click.FloatRange(0, 1),
    help="Share of probes that adversaries tell apart (ratings).  [default: their share]",
)
@click.option(
    "--seats",
    type=click.Choice(["alike", "standing"]),
    help="The same chance for everybody, as in the study that the figures are compared with; or as shipped plans draw "
    "them: by skill and standing, one newcomer at most (ratings).  "
    f"[default: standing; alike beyond {PLANNED_NODES_MAX} nodes]",
)
@click.option("--self-rating", is_flag=True, help="Generators may sit in their own committee (seats alike).")
@click.option(
    "--network",
    default="calm",
    show_default=True,
    type=click.Choice(["calm", "lossy", "slow", "partition"]),
    help="How messages fare (protocol).",
)
@click.option("--crashes", is_flag=True, help="Honest members die and come back (protocol).")
@click.option(
    "--newcomers",
    default=0,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Nodes beside the others that start later and ask to become members (protocol).",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 1 << 62), help="The first one.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 256), help="To play in.")
@click.option("--transcript", is_flag=True, help="Tell what happens, round by round, of one attack and one seed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def simulate(context: click.Context, /, level: str, attacks: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Play the shipped consensus against liars and bad networks, and print how it fared.

    The same seed gives the same run, to the bit. Candidates have a planted truth, which only the final figures see.

    Exit code 1 when a protocol run violates agreement or leaves a round unfinished.
    """
    for name in OF_LEVEL[_OTHER[level]]:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise OperatorError(
                f"--{name.replace('_', '-')} changes nothing at --level {level}",
                hint=f"Leave it out, or add --level {_OTHER[level]}.",
            )
    if as_json and options["transcript"]:
        raise OperatorError("a transcript is for people, not JSON", hint="Leave out --json or --transcript.")
    if level == "ratings":
        _ratings(attacks, options, as_json=as_json)
    else:
        _protocol(attacks, options, as_json=as_json)


# Ratings


def _ratings(attacks: tuple[str, ...], options: dict[str, Any], *, as_json: bool) -> None:
    from node.simulate.attacks import ATTACKS, MORE_ATTACKS
    from node.simulate.faults import BEHAVIOURS
    from node.simulate.tables import HEAD, make_table, rows_of

    names = _chosen(attacks, tuple(ATTACKS), ATTACKS | MORE_ATTACKS, {"protocol": BEHAVIOURS})
    shape = _world(options)
    share = 0.3 if options["adversaries"] is None else options["adversaries"]
    seeds = range(options["seed"], options["seed"] + options["seeds"])
    if options["transcript"]:
        _tell_ratings(shape, names, share, options)
        return
    with Progress() as progress:

        def told(done: int, of: int) -> None:
            progress.show([f"{done} of {of} worlds  {bar(done, of)}"])

        table = make_table(share, seeds, shape=shape, attacks=names, processes=options["processes"], told=told)
    if as_json:
        rows = {"none": table.none} | table.attacks
        figures = {name: asdict(row) for name, row in rows.items()}
        print_json({"share": share, "seeds": list(seeds), "world": asdict(shape), "figures": figures})
        return
    bad = f", {round(shape.nodes * share)} of them adversaries" if names else ""
    click.echo(f"{_shape(shape)}{bad}, {_told_seeds(seeds)}")
    print_table(HEAD, rows_of(table))
    _say_unjudged(shape, ("none", *names))


def _say_unjudged(shape: World, names: Sequence[str]) -> None:
    """Which rows have no figures of acceptance, and why."""
    from node.simulate.worlds import first_judged

    judged = {name: first_judged(replace(shape, attack=name)) for name in names}
    for first in sorted({first for first in judged.values() if first > shape.rounds}):
        listed = ", ".join(name for name in judged if judged[name] == first)
        click.echo(f"no figures of acceptance: judged from round {first} on, and there are {shape.rounds} ({listed})")


def _shape(world: World) -> str:
    return (
        f"{world.nodes} nodes, {world.rounds} rounds of {world.tasks} tasks, committees of {world.committee}, "
        f"seats {world.seats}"
    )


def _told_seeds(seeds: range) -> str:
    return f"seed {seeds.start}" if len(seeds) == 1 else f"seeds {seeds.start} to {seeds.stop - 1}"


def _world(options: dict[str, Any]) -> World:
    from node.simulate.worlds import World

    nodes = options["nodes"] or 20
    if nodes <= options["committee"]:
        raise OperatorError(
            f"{nodes} nodes cannot fill a committee of {options['committee']} beside a generator",
            hint="Ask for more --nodes or a smaller --committee.",
        )
    seats = options["seats"]
    if seats is None:
        seats = "alike" if nodes > PLANNED_NODES_MAX or options["self_rating"] else "standing"
    if seats == "standing" and options["self_rating"]:
        raise OperatorError(
            "no plan that ships seats a generator in its own committee",
            hint="Add --seats alike to see what that would do.",
        )
    return World(
        nodes=nodes,
        seats=seats,
        rounds=options["rounds"] or 40,
        tasks=options["tasks"] or max(10, nodes // 10),
        committee=options["committee"],
        probes=options["probes"],
        self_rating=options["self_rating"],
        leaks=options["leaks"],
    )


def _tell_ratings(shape: World, names: Sequence[str], share: float, options: dict[str, Any]) -> None:
    from node.simulate.ratings import RatingRun
    from node.simulate.tables import HEAD, row_of
    from node.simulate.telling import LEGEND

    attack = _only(names, options, default="none")
    world = replace(shape, attack=attack, adversaries=0.0 if attack == "none" else share)
    click.echo(f"{_shape(world)}, attack {attack}, seed {options['seed']}\n{LEGEND}")
    figures = RatingRun(world, options["seed"], tell=click.echo).run()
    print_table(HEAD, [row_of(attack, figures)])
    _say_unjudged(world, (attack,))


# Protocol


def _protocol(attacks: tuple[str, ...], options: dict[str, Any], *, as_json: bool) -> None:
    from node.simulate.attacks import ATTACKS, MORE_ATTACKS
    from node.simulate.faults import BEHAVIOURS
    from node.simulate.protocol import run_protocol

    chosen = _chosen(attacks, tuple(BEHAVIOURS), BEHAVIOURS, {"ratings": ATTACKS | MORE_ATTACKS})
    names: tuple[str, ...] = ("none", *chosen)
    if options["transcript"]:
        attack = _only(chosen, options, default="none")
        click.echo(f"{_told_setting(_setting(attack, options))}, adversaries: {attack}, seed {options['seed']}")
        found = [run_protocol(_setting(attack, options), options["seed"], tell=click.echo)]
        names = (attack,)
    else:
        found = _play_protocol(names, options)
    if as_json:
        print_json([_as_object(item) for item in found])
    else:
        _print_protocol(names, found)
    broken = [item for item in found if item.violations or item.unfinished]
    if broken:
        first = broken[0]
        raise OperatorError(
            f"{len(broken)} of {len(found)} runs broke: {'; '.join(first.violations) or 'rounds not ended'}",
            hint=f"See it with --level protocol --attack {first.setting.behaviour} --seed {first.seed} --transcript.",
            exit_code=ExitCode.NOT_SO,
        )


def _setting(attack: str, options: dict[str, Any]) -> Setting:
    from node.simulate.protocol import PRESET, Setting

    if options["committee"] > PRESET.raters_max:
        raise OperatorError(
            f"no job with {options['committee']} raters is admitted: {PRESET.raters_max} at most",
            hint="Ask for a smaller --committee, or add --level ratings.",
        )
    setting = Setting(behaviour=attack, network=options["network"], crashes=options["crashes"])
    setting = replace(setting, newcomers=options["newcomers"])
    given = {name: options[name] for name in ("nodes", "rounds", "tasks", "adversaries") if options[name] is not None}
    return replace(setting, **given, world=replace(setting.world, committee=options["committee"]))


def _play_protocol(names: Sequence[str], options: dict[str, Any]) -> list[Findings]:
    from concurrent.futures import ProcessPoolExecutor

    from node.simulate.protocol import run_protocol

    seeds = range(options["seed"], options["seed"] + options["seeds"])
    jobs = [(_setting(name, options), seed) for name in names for seed in seeds]
    found: list[Findings] = []
    with Progress() as progress, ProcessPoolExecutor(options["processes"]) as pool:
        for item in pool.map(run_protocol, *zip(*jobs, strict=True)):
            found.append(item)
            progress.show([f"{len(found)} of {len(jobs)} runs  {bar(len(found), len(jobs))}"])
    return found


PROTOCOL_HEAD = (
    "adversaries",
    "runs",
    "F1",
    "precision",
    "recall",
    "reputation AUC",
    "weight share",
    "rounds to detect",
    "detected",
    "false penalties",
    "absences",
    "honest candidates lost",
    "agreement violated",
    "rounds not ended",
    "admitted",
    "messages a round",
)


def _print_protocol(names: Sequence[str], found: list[Findings]) -> None:
    seeds = [item.seed for item in found]
    click.echo(f"{_told_setting(found[0].setting)}, {_told_seeds(range(min(seeds), max(seeds) + 1))}")
    if any(3 * item.setting.hostile >= item.setting.nodes for item in found):
        click.echo("a third of the nodes or more are adversaries: agreement is not promised then")
    rows = [_protocol_row(name, [item for item in found if item.setting.behaviour == name]) for name in names]
    print_table(PROTOCOL_HEAD, rows)


def _told_setting(setting: Setting) -> str:
    return (
        f"{setting.nodes} nodes, {setting.rounds} rounds of {setting.tasks} tasks, network {setting.network}"
        f"{', members crash' if setting.crashes else ''}"
    )


def _protocol_row(name: str, found: list[Findings]) -> tuple[object, ...]:
    from statistics import fmean

    def mean(values: list[float], digits: int = 3) -> str:
        told = [value for value in values if not math.isnan(value)]
        return f"{fmean(told):.{digits}f}" if told else "-"

    bad = sum(item.setting.hostile for item in found)
    caught = [rounds for item in found for rounds in item.detect_rounds.values()]
    penalties = sum(sum(item.penalties.values()) for item in found)
    return (
        name,
        len(found),
        mean([item.f1 for item in found]),
        mean([item.precision for item in found]),
        mean([item.recall for item in found]),
        mean([item.reputation_auc for item in found]),
        mean([item.adversary_share for item in found]),
        mean([float(rounds) for rounds in caught], 1),
        f"{len(caught)} of {bad}",
        f"{penalties} in {sum(item.honest_rounds for item in found)}",
        sum(item.soft for item in found),
        f"{sum(item.lost for item in found)} in {sum(item.made for item in found)}",
        sum(len(item.violations) for item in found),
        sum(item.unfinished for item in found),
        f"{sum(len(item.admitted) for item in found)} of {sum(item.setting.newcomers for item in found)}",
        round(fmean(item.messages / max(1, item.rounds) for item in found)),
    )


def _as_object(found: Findings) -> dict[str, Any]:
    values = asdict(found)
    return values | {"precision": found.precision, "recall": found.recall, "unfinished": found.unfinished}


# Names


def _chosen(
    attacks: tuple[str, ...],
    every: tuple[str, ...],
    known: Mapping[str, Any],
    elsewhere: Mapping[str, Mapping[str, Any]],
) -> tuple[str, ...]:
    """The attacks asked for, each once.

    Args:
        attacks: As given.
        every: What stands for `all`, or for no attack named.
        known: All that this level has.
        elsewhere: What other levels have, to send who asks for it there.
    """
    if not attacks or ALL in attacks:
        return every
    names = tuple(dict.fromkeys(name for name in attacks if name != "none"))
    unknown = [name for name in names if name not in known]
    if unknown:
        level = next((level for level, others in elsewhere.items() if unknown[0] in others), None)
        listed = f"There are {', '.join(known)}; and all, none."
        raise OperatorError(
            f"no attack is called {unknown[0]!r} at this level",
            hint=listed if level is None else f"It is one of --level {level}. {listed}",
        )
    return names


def _only(names: Sequence[str], options: dict[str, Any], *, default: str) -> str:
    if len(names) > 1 or options["seeds"] > 1:
        raise OperatorError("a transcript is of one attack and one seed", hint="Name it: --attack clique --seed 7.")
    return names[0] if names else default
