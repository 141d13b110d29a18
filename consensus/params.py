"""The protocol's numbers: what all nodes of a swarm must share, in named presets.

A preset's hash stands in the genesis, in every handshake and in every job, so that nodes with other numbers refuse
each other instead of drifting apart. What is one node's own choice is configuration (`node.config`), never here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from consensus.encoding import hash_value
from consensus.types import Hash

Q16 = 1 << 16
"""One, in the fixed-point form of counts, probabilities, factors and bits."""


def q16(numerator: int, denominator: int = 1) -> int:
    """`numerator / denominator` in Q16, rounded to nearest, ties up; exact integers in, no float between."""
    scaled = Fraction(numerator, denominator) * Q16
    return (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """How long each phase may last, milliseconds. A complete phase ends at once; these bound an incomplete one."""

    generate_ms: int
    publish_ms: int
    rate_ms: int
    reveal_ms: int
    unmask_ms: int
    attest_ms: int
    propose_ms: int
    propose_step_ms: int
    """Added per view, as the next one is to votes."""
    vote_ms: int
    vote_step_ms: int
    observe_ms: int
    """How long observers may rate beyond the last rater: among them are strangers, who must not hold up a round."""
    absent_ms: int
    """A member that has been unreachable this long is no longer waited for (R12)."""
    lag_ms: int
    """How much later than here others may be after `generate_ms` that passed by clocks alone, and in proportion: clocks
    that run a tenth fast, and a tenth slow, are apart by 22 % of it. Until then nothing is shown of what was committed
    to (R12)."""

    def proposal_limit_ms(self, view: int) -> int:
        """How long a view's header is waited for."""
        return self.propose_ms + view * self.propose_step_ms

    def vote_limit_ms(self, view: int) -> int:
        """How long the rest of a view's votes of a phase are waited for once a quorum has voted."""
        return self.vote_ms + view * self.vote_step_ms

    def scaled(self, numerator: int, denominator: int) -> PhaseTimes:
        """All times multiplied by a fraction, at least one millisecond each."""
        values = (getattr(self, name) * numerator // denominator for name in self.__slots__)
        return PhaseTimes(*(max(1, value) for value in values))


@dataclass(frozen=True, slots=True)
class AggregationParams:
    """Numbers of R20 to R29 (facts/consensus-study.md A.8). Bits, counts, factors: Q16."""

    criterion_weights_bp: tuple[int, int, int, int] = (2500, 2500, 2500, 2500)
    prior_count: int = q16(2)
    prior_bad_per_myriad: tuple[int, ...] = (120, 340, 860, 1610, 2160, 2140, 1580, 830, 300, 60)
    prior_good_per_myriad: tuple[int, ...] = (20, 20, 20, 25, 75, 420, 1340, 2530, 2900, 2650)
    prior_bits: int = q16(122, 100)
    clip_bits: int = q16(433, 100)
    informative_bits_min: int = q16(3, 100)
    """A table whose expected evidence is below this is muted."""
    cut_base_bits: int = q16(122, 100)
    cut_per_rater_bits: int = q16(28, 100)
    cut_reviewable_bits: int = q16(1)
    """Evidence beyond the cut that is asked of a candidate while fresh raters could still be asked (R24)."""
    probe_weight: int = q16(4)
    belief_weight: int = q16(2)
    belief_sharpness: int = q16(5, 4)
    """Beliefs are drawn away from one half by this before they teach: what nobody doubts teaches no doubt (R25)."""
    teaching_bits_max: int = q16(1)
    """What one rater may say, for or against, when others learn from it: heads teach, not voices (R25)."""
    smoothing: int = q16(1, 8)
    """Share of each count that goes to either neighbouring bin."""
    forget_slow: int = q16(99, 100)
    forget_fast: int = q16(97, 100)
    target_good: int = q16(85, 100)
    """What an unbiased rater gives a good probe; likewise a bad one, and a candidate by the others' belief."""
    target_bad: int = q16(34, 100)
    belief_base: int = q16(42, 100)
    belief_span: int = q16(43, 100)
    maturity_full: int = q16(8)
    maturity_max: int = q16(16)
    """A veteran's reserve: no-shows cost it first what it has beyond a full voice (R33)."""
    maturity_per_rating: int = q16(1, 10)
    favour_prior: int = q16(3)
    """So many ratings without excess draw a favour to zero where it costs reputation: that wants proof (R32)."""
    favour_doubt: int = q16(1)
    """Likewise where it only leaves a pair's ratings out: an honest rater that is left out is hardly missed (R23)."""
    favour_excess_max: int = q16(10, 100)
    favour_worst: int = q16(24, 100)
    """Favour at which fairness reaches zero; it starts to fall `favour_span` below."""
    favour_span: int = q16(20, 100)
    fairness_voice_min: int = q16(1, 2)
    """What an unfair rater keeps of its voice: friends are excluded pair by pair, its other scores still inform."""
    doubt_error_min: int = q16(6, 100)
    """A squared error up to this, or to `doubt_error_share` of the rater's own mean, takes from the doubts about it in
    a category; what is beyond adds to them (R22). Honest raters' mean errors are 0.01 to 0.10."""
    doubt_error_share: int = q16(3, 2)
    doubt_error_max: int = q16(1, 4)
    """What one rating's squared error counts for at most: a half of the scale, and no more for a whole one."""
    doubt_mute: int = q16(8, 10)
    """Doubt that leaves nothing of a voice, which falls in proportion; there is no more of it. Four sure ratings that
    are wrong by 0.4 are so much. Half of it found out liars sooner, and let them win a category now and then."""
    forget_pairs: int = q16(997, 1000)
    """Slower than the histograms: a pair meets once in many ratings."""
    forget_answers: int = q16(95, 100)
    """Per probe answered: what counts are the latest twenty."""
    answer_cut: int = q16(65, 100)
    """A score from here on calls a probe good. Honest raters are right on nine good ones in ten, and on 86 bad ones in
    100 (study B.7)."""
    pair_count_min: int = q16(1, 4)
    """A pair whose decayed count falls below this is forgotten."""
    pairs_max: int = 32
    """Pairs a table remembers, those with the largest excess; so memory is linear in the nodes."""
    score_at_cut_bp: int = 7000
    below_cut_bp_per_bit: int = 280
    above_cut_bp_per_bit: int = 78
    above_cut_bits: int = q16(3)
    far_above_bp_per_bit: int = 21
    far_above_bp_max: int = 300
    """What evidence alone may add to the score above the cut; quality adds the rest of 3000."""
    quality_ramp_bits: int = q16(1, 2)
    """Quality counts in full from this far above the cut, in proportion below: the score has no jump."""
    quality_from_bp: int = 5500
    quality_share: int = q16(3, 5)
    winsor_bp: int = 2500
    """How far from the median of its raters a score may pull the quality."""
    error_floor: int = q16(1, 100)
    """Added to the squared error that a rater's bias does not explain, before its inverse weighs the rater's scores."""
    error_unknown: int = q16(10, 100)
    """Mean squared error of a rater of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class ReputationParams:
    """Numbers of R30 to R39 (study B). Factors and counts: Q16; reputation in basis points."""

    error_worst: int = q16(13, 100)
    error_span: int = q16(10, 100)
    suspend_below_bp: int = 1000
    suspend_maturity_min: int = q16(1, 2)
    capable_share: int = q16(3, 4)
    """Of its latest probes a rater has to call so many what they are (R37, R39)."""
    blind_answers_min: int = q16(37, 10)
    """What 4 answered probes leave of themselves. With fewer nobody loses its seats: early beliefs are whose voice
    happened to come first (R37)."""
    proven_answers: int = q16(67, 10)
    """What 8 answered probes leave of themselves: of who has so many, probes have told what its word is worth (R14)."""
    proven_doubt: int = q16(4, 10)
    """Doubt in a category, half of what mutes there, by which that is open again. Honest raters reach it now and then:
    one or two of twenty at a time, of harsh and biased ones up to four."""
    examined_answers: int = q16(141, 10)
    """What 24 answered probes leave of themselves: a newcomer's examination is over (R39)."""
    examination_rounds: int = 32
    """Who has not answered enough in so many rounds is dropped when the epoch ends, however short epochs are (R39)."""
    applicants_max: int = 8
    """Newcomers examined at a time: each of them is one more observer in every task. 0: nobody joins."""
    skill_forget: int = q16(97, 100)
    skill_prior_accepted: int = q16(7)
    skill_prior_generated: int = q16(10)
    fade: int = q16(511, 512)
    """What a round leaves of everybody's maturity, taken at once for all rounds of an epoch at its end (R33)."""
    no_show_ratings: int = q16(1, 2)
    """Ratings' worth of maturity lost per empty seat."""
    unrevealed_cost: int = q16(2)
    """Maturity lost per commitment that was not revealed: two probes' worth, a quarter of a full voice."""
    unrevealed_run: int = 6
    """So many in a row suspend. Members that crash every third round break one in ten, and so a run in a million."""
    unrevealed_limit: int = 16
    """So many in the window suspend. Long before, the cost has used up the voice of whoever does it on purpose."""
    unrevealed_window: int = 32
    """The latest commitments of a member that are remembered."""
    unrevealed_suspension: int = 16
    offence_suspension: int = 64
    cap_floor_bp: int = 1000
    cap_ceiling_bp: int = 2500
    equal_up_to: int = 4
    """With this many active members or fewer, all weigh the same."""


@dataclass(frozen=True, slots=True)
class Preset:
    """All numbers of one kind of swarm."""

    name: str
    version: int
    epoch_rounds: int
    lookback: int
    """Rounds between the state that fixes a plan and the round it plans: how deep the pipeline is (R5)."""
    tasks_per_round: int
    attempts_max: int
    short_owners: int
    """So many owners' generators have to come short of their slots before a task is said to be exhausted: one in three
    may lie (R6)."""
    raters_max: int
    slots_per_task_max: int
    """Of all its generators together."""
    immature_raters_max: int
    probe_one_in: int
    probe_one_in_unproven: int
    """Likewise, if these are more probes, unless more than two thirds of the raters are proven (R14): agreement alone
    must not decide who leads, neither in a swarm's first rounds nor when many have come to contradict each other."""
    committee_all_max: int
    committee_seats: int
    conflicts_kept: int
    founder_weight: int
    message_bytes_max: int
    example_bytes_max: int
    times: PhaseTimes
    aggregation: AggregationParams
    reputation: ReputationParams

    def hash(self) -> Hash:
        """What nodes compare to know that they follow the same numbers."""
        return hash_value("preset", self)

    def epoch_of(self, height: int) -> int:
        """The epoch that a round belongs to; heights start at 1, epochs at 0."""
        return (height - 1) // self.epoch_rounds

    def ends_epoch(self, height: int) -> bool:
        """Whether the round is the last one of its epoch."""
        return height % self.epoch_rounds == 0


MAINNET = Preset(
    name="MAINNET",
    version=1,
    epoch_rounds=32,
    lookback=2,
    tasks_per_round=15,
    attempts_max=3,
    short_owners=4,
    raters_max=5,
    slots_per_task_max=64,
    immature_raters_max=1,
    probe_one_in=10,
    probe_one_in_unproven=10,
    committee_all_max=31,
    committee_seats=100,
    conflicts_kept=3,
    founder_weight=10_000,
    message_bytes_max=1 << 20,
    example_bytes_max=256 << 10,
    times=PhaseTimes(
        generate_ms=600_000,
        publish_ms=30_000,
        rate_ms=600_000,
        reveal_ms=30_000,
        unmask_ms=30_000,
        attest_ms=10_000,
        propose_ms=10_000,
        propose_step_ms=5_000,
        vote_ms=5_000,
        vote_step_ms=2_500,
        observe_ms=30_000,
        absent_ms=60_000,
        lag_ms=150_000,
    ),
    aggregation=AggregationParams(),
    reputation=ReputationParams(),
)
"""A swarm over the internet."""

MINIMAL = replace(MAINNET, name="MINIMAL", epoch_rounds=4, times=MAINNET.times.scaled(1, 100))
"""For tests with stand-ins for the slow work: a hundredth of every time, short epochs."""

LOCAL = replace(
    MAINNET,
    name="LOCAL",
    epoch_rounds=2,
    times=PhaseTimes(
        # Several nodes share two cores with the compilers they start, so a hundredth of MAINNET's times would
        # call honest nodes late; complete phases end early anyway, and only a dead member is waited for.
        generate_ms=300_000,
        publish_ms=20_000,
        rate_ms=300_000,
        reveal_ms=15_000,
        unmask_ms=20_000,
        attest_ms=8_000,
        propose_ms=8_000,
        propose_step_ms=4_000,
        vote_ms=6_000,
        vote_step_ms=3_000,
        observe_ms=15_000,
        absent_ms=8_000,
        lag_ms=75_000,
    ),
    # What 8 probes leave: a job of a few crates has no more, and on one machine nobody is a stranger.
    reputation=ReputationParams(examined_answers=q16(67, 10)),
)
"""Real nodes with real compilers on one machine: the demo and the end-to-end tests."""

PRESETS = {preset.name: preset for preset in (MAINNET, MINIMAL, LOCAL)}
