"""An audit, from the claims to its page; each claim is kept when it is examined, so that a run can be gone on with."""

import functools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from roughntk import __version__, _checks, rough
from roughntk.audit.claim import Claim, Curve, Evidence, Examined, Picture
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import chosen, examine
from roughntk.audit.families import claims_of_family
from roughntk.audit.grounds import Grounds
from roughntk.audit.subject import Subject
from roughntk.files import folders
from roughntk.files.checkpoints import Problem
from roughntk.files.packed import digest
from roughntk.files.surroundings import place, versions
from roughntk.files.tables import printable
from roughntk.kernels import KernelFamily
from roughntk.kernels.registry import as_family
from roughntk.study import unfinished
from roughntk.study.auditing import figures, page
from roughntk.study.auditing.result import HEADINGS, PAPER, Audit
from roughntk.study.pipeline import Report, plain, to_stderr, write_csv

KINDS = (Examined, Evidence, Picture, Curve)
GRID, GRID_DEPTHS = np.linspace(-1.0, 1.0, 9), (1, 2, 3, 10)
OPTIONAL = ("python-flint", "esig", "iisignature", "roughpy", "optax")


def audit(
    claims: Sequence[str] | None = None, *, family: Any = None, out: str | Path | None = "audit-report",
    resume: bool = True, command: str | None = None, progress: Report | None = None,
    tell: Callable[[str], None] | None = None, subject: Subject | None = None,
) -> Audit:  # fmt: skip
    """The paper's claims, each examined on the spot: holds, holds with correction, fails, or not decidable here.

    Verdicts are computed: by enclosures (python-flint), by exact identities, by numbers against an independent route,
    and by random networks with error bars. Of another family those claims are examined that can be asked of it.

    Args:
        claims: keys as "theorem-2"; None for all. `roughntk.audit.CLAIMS` has them.
        family: a family, its name, or a callable (correlation, depth); None for the paper's own claims.
        out: folder of the report: report.html, audit.json, figures/, tables/; None writes nothing.
        resume: go on from an unfinished run with the same claims and versions.
        command: the command line to record.
        progress: called as progress(stage, done, in all).
        tell: called with sentences for the user; standard error by default.
        subject: what is audited in place of the package's own objects (`roughntk.audit.Subject`).

    Returns:
        An `Audit`.

    Raises:
        InputError: an unknown claim, with the known ones; a folder that holds something else.

    Source: StArnaud2025.

    >>> import roughntk as rn
    >>> rn.study.audit(["proposition-4"], out=None).of("proposition-4").verdict
    'holds with correction'
    """
    _checks.require_x64("an audit")
    resume = _checks.flag(resume, "resume")
    if isinstance(claims, str):
        claims = [claims]
    if family is None:
        known, about = CLAIMS, PAPER
    else:
        member = family = as_family(family)
        known, about = claims_of_family(member), f"of {member.name}"
    wanted = chosen(known, claims)
    watched = Subject() if subject is None else subject
    report = progress or (lambda stage, done, most: None)
    if out is None:
        return Audit(_examined(wanted, watched, report, unfinished.NOTHING), about)
    own = folders.audit([figures.file_name(key) for key in known])
    with unfinished.written(out, own, resume, tell or to_stderr) as writing:
        kept = writing.begin(_problem(wanted, about, family, subject), [claim.key for claim in wanted], KINDS)
        result = Audit(_examined(wanted, watched, report, kept), about, Path(out))
        _write(result, writing.folder, command)
    return result


def _problem(claims: Sequence[Claim], about: str, family: KernelFamily | None, subject: Subject | None) -> Problem:
    """What is computed. A family is known by its values, since its functions cannot be compared; a subject of one's
    own by nothing, so that no later run goes on from one of it."""
    parts = {"claims": ", ".join(claim.key for claim in claims), "about": about}
    if family is not None:
        values = [np.asarray(family.at_correlation(jnp.asarray(GRID), depth)) for depth in GRID_DEPTHS]
        parts["family"] = digest([type(family).__qualname__, repr(family), values])
    if subject is not None:
        parts["subject"] = secrets.token_hex(8)
    return Problem(parts | versions((*rough.available_backends(), *OPTIONAL)), place())


def _examined(
    claims: Sequence[Claim], subject: Subject, report: Report, kept: unfinished.Progress
) -> tuple[Examined, ...]:
    grounds, results = Grounds(subject), []
    report("claims", 0, len(claims))
    for number, claim in enumerate(claims, 1):
        section = kept.section(claim.key)
        results.append(section.kept("examined", functools.partial(examine, claim, subject, grounds)))
        section.finish()
        report("claims", number, len(claims))
    return tuple(results)


def _write(result: Audit, folder: Path, command: str | None) -> None:
    pictures = figures.draw_all(result.examined, folder / "figures")
    (folder / "tables").mkdir()
    write_csv(folder / "tables" / "claims.csv", [dict(zip(HEADINGS, row, strict=True)) for row in result.table()])
    write_csv(folder / "tables" / "evidence.csv", result.to_dataframe().to_dict("records"))
    (folder / "report.html").write_text(page.render(result, pictures), encoding="utf-8")
    given = printable(command or "roughntk.study.audit()", 10**5)
    (folder / folders.audit(())[0]).write_text(as_json(result, given), encoding="utf-8")


def as_json(result: Audit, command: str) -> str:
    """The content of audit.json."""
    record: Mapping[str, Any] = {"version": __version__, "command": command} | result.record()
    return json.dumps(plain(record), indent=1, allow_nan=False) + "\n"


__all__ = ["as_json", "audit"]
