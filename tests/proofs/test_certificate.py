"""A certificate stands for a proof only as long as it is what the design says, letter by letter, and cvc5 agrees."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small_designs as small

from thawcheck.model import machine_of
from thawcheck.model.designs import built_in_design
from thawcheck.model.machine import Machine
from thawcheck.model.terms import Boolean
from thawcheck.proofs import certificate as certificates
from thawcheck.proofs.certificate import (
    Certificate,
    CertificateError,
    discharged_by_cvc5,
    discharged_by_z3,
    read,
    read_manifest,
    undischarged,
)
from thawcheck.proofs.prove import prove
from thawcheck.proofs.words import by_phase

SAVER = machine_of(small.Saver)
KEPT = sorted((Path(certificates.__file__).parent / "certificates").iterdir())


def long() -> float:
    return 60.0


@pytest.fixture(scope="module")
def proved() -> Certificate:
    found = prove("Saver", SAVER, compiled=False).certificate
    assert found is not None
    return found


@pytest.fixture
def folder(proved: Certificate, tmp_path: Path) -> Path:
    certificates.write(proved, tmp_path / "certificate")
    return tmp_path / "certificate"


def recheck(folder: Path, machine: Machine = SAVER) -> list[str]:
    """The obligations that cvc5 does not discharge."""
    _, scripts = read(folder, read_manifest(folder), machine)
    return undischarged(scripts, discharged_by_cvc5, long)


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_certificate_is_checked_again(folder: Path) -> None:
    assert recheck(folder) == []
    names = {path.name for path in folder.iterdir()}
    assert {"manifest.json", "initiation.smt2", "consecution-store.smt2", "safety-complete.smt2"} <= names


def test_it_is_the_same_each_time_that_it_is_written(proved: Certificate, folder: Path, tmp_path: Path) -> None:
    certificates.write(proved, tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_text() == (tmp_path / "again" / path.name).read_text()
    certificates.write(proved, tmp_path / "again")  # replaces an older one
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("")
    with pytest.raises(CertificateError, match="no certificate"):
        certificates.write(proved, tmp_path / "other")
    assert (tmp_path / "other" / "precious").exists()


def test_a_lemma_that_is_deleted_from_the_manifest_is_noticed(folder: Path) -> None:
    manifest = read_manifest(folder)
    for number in range(len(manifest["lemmas"])):
        change(folder, lemmas=manifest["lemmas"][:number] + manifest["lemmas"][number + 1 :])
        with pytest.raises(CertificateError):
            recheck(folder)


def test_a_lemma_that_is_edited_is_noticed(folder: Path) -> None:
    manifest = read_manifest(folder)
    for number, lemma in enumerate(manifest["lemmas"]):
        for name in lemma.get("never", ()):
            for values in ([], [0], [1], [0, 1], [7]):
                changed = {**lemma, "never": {**lemma["never"], name: values}}
                if changed != lemma:
                    change(folder, lemmas=[*manifest["lemmas"][:number], changed, *manifest["lemmas"][number + 1 :]])
                    with pytest.raises(CertificateError):
                        recheck(folder)


def test_a_proof_without_one_of_its_lemmas_is_discharged_by_neither_solver(proved: Certificate) -> None:
    learned = [number for number, lemma in enumerate(proved.lemmas) if lemma.never]
    assert learned
    for number in learned:
        nothing = replace(proved.lemmas[number], body=Boolean("literal", True))
        lemmas = (*proved.lemmas[:number], nothing, *proved.lemmas[number + 1 :])
        uses = {name: tuple((one, () if one == number else at) for one, at in used) for name, used in proved.uses.items()}
        scripts = Certificate("Saver", SAVER, frozenset(), lemmas, uses).scripts()
        assert undischarged(scripts, discharged_by_cvc5, long) and undischarged(scripts, discharged_by_z3, long)


def test_an_obligation_that_is_edited_is_noticed(folder: Path) -> None:
    path = folder / "consecution-store.smt2"
    lines = path.read_text().splitlines(keepends=True)
    asserted = next(number for number, line in enumerate(lines) if line.startswith("(assert"))
    path.write_text("".join([*lines[:asserted], "(assert false)\n", *lines[asserted + 1 :]]))
    assert discharged_by_cvc5(path.read_text(), 60.0)  # a solver alone would be content
    with pytest.raises(CertificateError, match="consecution-store"):
        recheck(folder)


def test_an_obligation_that_is_left_out_is_noticed(folder: Path) -> None:
    manifest = read_manifest(folder)
    change(folder, obligations=[one for one in manifest["obligations"] if one["name"] != "safety complete"])
    with pytest.raises(CertificateError, match="safety complete"):
        recheck(folder)
    change(folder, obligations=manifest["obligations"])
    (folder / "initiation.smt2").unlink()
    with pytest.raises(CertificateError, match="initiation"):
        recheck(folder)


class Weakened(small.Saver):
    """The image is committed whatever was copied."""

    @small.action
    def commit(self) -> None:
        """No condition."""
        small.require(self.phase == "stopped")
        self.phase = "off"


def test_a_guard_that_is_weakened_in_the_design_is_noticed(proved: Certificate, folder: Path) -> None:
    weakened = machine_of(Weakened)
    with pytest.raises(CertificateError, match="stale"):
        recheck(folder, weakened)
    change(folder, digest=weakened.digest)  # and nobody gets around it by claiming the new digest
    with pytest.raises(CertificateError, match="consecution-commit"):
        recheck(folder, weakened)
    scripts = Certificate("Saver", weakened, frozenset(), proved.lemmas, proved.uses).scripts()
    assert undischarged(scripts, discharged_by_cvc5, long) == ["consecution commit"]


def test_a_dropped_assumption_is_part_of_the_certificate(folder: Path) -> None:
    change(folder, dropped=["stores_flag"])
    with pytest.raises(CertificateError):
        recheck(folder)
    change(folder, dropped=["no_such_thing"])
    with pytest.raises(CertificateError, match="no_such_thing"):
        recheck(folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 99}', '{"format": 1}', '{"format": 1, "design": "Saver", "digest": 3}', "\x00\xff"]
)
def test_a_manifest_that_is_none_gets_one_line(content: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(CertificateError) as fault:
        recheck(folder)
    assert "manifest.json" in str(fault.value) or "stale" in str(fault.value)


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_the_certificates_that_come_along_are_checked_again(kept: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "thawcheck", "prove", "--recheck", str(kept), "--json"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["design"], said["verdict"], said["rechecked"]) == (kept.name, "proved", True)
    assert len(said["obligations"]) > 10 and all(one["cvc5"] for one in said["obligations"])


def test_there_are_certificates() -> None:
    assert "proposal-2010" in [path.name for path in KEPT]


def test_the_page_that_tells_the_proof_has_the_lemmas_of_the_certificate() -> None:
    folder = next(kept for kept in KEPT if kept.name == "proposal-2010")
    machine = machine_of(built_in_design("proposal-2010"))
    certificate, _ = read(folder, read_manifest(folder), machine)
    page = (Path(__file__).parents[2] / "docs" / "proof-of-proposal-2010.md").read_text()
    _, after = page.split("<!-- the lemmas of proofs/certificates/proposal-2010 -->\n")
    told = [line for line in after.split("<!-- end -->")[0].splitlines() if line]
    wanted = [line for heading, said in by_phase(certificate.lemmas, machine) for line in (f"**{heading}**", *(f"- {one}" for one in said))]
    assert told == wanted
