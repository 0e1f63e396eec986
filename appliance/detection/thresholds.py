"""The numbers that decide, in one place: one set for every camera and clip; the scoring tool tries them 20 % off."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores are a model's (0 to 1), levels are of luma (0 to 255), shares are of one."""

    motion: float = 18.0
    """Levels that a pixel differs by. 18 to 25 were measured good on real footage."""

    noises: float = 4.0
    """Standard deviations of the picture's noise that a difference must exceed: a gain of 30 dB is no crowd."""

    flash: float = 0.6
    """Share of blocks whose change at once is light, an infrared switch or a turned camera, and no motion."""

    sure: float = 0.4
    """Score that begins an object."""

    weak: float = 0.25
    """Score that keeps one alive: half-hidden and turned persons come back at 0.25 to 0.4."""

    evidence: float = 0.8
    """Sum of the scores of an object's findings within the time to confirm it: two sure ones, or one and weak ones."""

    same: float = 0.3
    """Overlap from one look to the next of the same object."""

    near: float = 0.6
    """Box heights between centres of the same object when the overlap is smaller: small and quick ones."""

    moved: float = 0.1
    """Share of an object's box that moving blocks must have covered."""

    flat: float = 3.0
    """Levels of standard deviation: measured 1.8 behind a cover, 7.7 on an empty car park's asphalt."""

    flat_share: float = 0.35
    """Of the lowest contrast that is usual for the camera."""

    blurred_share: float = 0.25
    """Of the usual sharpness. Measured: below 0.01 behind a blur of 9 pixels, 0.45 or more in any normal part."""

    moved_share: float = 0.4
    """Of the usual resemblance. Measured 0.2 to 0.3 turned; 0.5 when a car fills the picture."""

    still: float = 0.002
    """Levels of mean difference to the picture before. Median measured: 0 frozen, from 0.009 in a clean empty hall."""

    key_still: float = 0.05
    """The same that a keyframe, and what refines it, differ by. Measured 0.0002 to 0.018 frozen; 0.28 or more live."""

    def scaled(self, factor: float) -> "Thresholds":
        """Each number times `factor`."""
        return Thresholds(**{field.name: getattr(self, field.name) * factor for field in fields(self)})

    def at_score(self, score: float) -> "Thresholds":
        """For a model whose sure findings begin at another score than 0.4: the three scores in proportion."""
        factor = score / self.sure
        return replace(self, sure=score, weak=self.weak * factor, evidence=self.evidence * factor)


THRESHOLDS = Thresholds()
