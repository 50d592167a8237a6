"""A small world to prove things in: pictures of every format, a statement about them, identities, a foreign signer."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image, ImageCms

from governance.provenance.content_credentials import Parent, sign
from governance.provenance.identity import PrivateKey, SigningIdentity
from governance.provenance.statement import (
    DecisionClaim,
    PermitClaim,
    PipelineClaim,
    ReviewClaim,
    SourceClaim,
    Statement,
    StyleClaim,
    attest,
)
from governance.provenance.xmp import embed_xmp
from stylecore.data import Digest, Reason, Recipe, Scores

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/tiff": "TIFF"}
SOURCE_TYPE_CREATED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
REVIEW = ReviewClaim("ada@example.org", "approved", "fits_brand", datetime(2025, 1, 3, 9, 30, tzinfo=UTC))


def pixels(width_px: int = 40, height_px: int = 30) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 255, (height_px, width_px, 3), dtype=np.uint8)


def picture(media_type: str, width_px: int = 40, height_px: int = 30, **options: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels(width_px, height_px)).save(target, FORMATS[media_type], **options)
    return target.getvalue()


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def statement_of(content: bytes, **changes: Any) -> Statement:
    claims: dict[str, Any] = {
        "subject_name": "harbour.jpg",
        "subject_sha256": Digest.of(content),
        "source": SourceClaim(
            "s3://library/photos/harbour.jpg", "v-17", Digest.of(b"the asset"), "campaign", "CC-BY-4.0"
        ),
        "style": StyleClaim("risograph", 3, Digest.of(b"the package"), "Apache-2.0"),
        "recipe": Recipe(strength=0.8),
        "pipeline": PipelineClaim("1", "0.1.0", {"python": "3.11.9", "torch": "2.13.0", "device": "cpu"}),
        "permit": PermitClaim(("allow-campaign", "needs-derivatives"), Digest.of(b"policies"), date(2025, 1, 2)),
        "scores": Scores(ssim_full=0.1412, ssim_eighth=0.81, psnr_db=18.0, absent={"lpips": "no weights"}),
        "decision": DecisionClaim("review", (Reason("sampled", "one in ten is looked at"),), ("reviewer",)),
        "campaign": "spring",
        "run": "run-0001",
        "made_at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return attest(**(claims | changes))


def issued_identity(folder: Path, key: PrivateKey, lasts: timedelta = timedelta(days=90)) -> SigningIdentity:
    """An identity as a certificate authority issues one, read from files: what production looks like."""
    root_key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )

    def certificate(name: str, public_key: Any, *, is_root: bool) -> x509.Certificate:
        may = x509.KeyUsage(
            digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, decipher_only=False, **usage
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example CA")]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(may, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(issuer, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
            .sign(root_key, hashes.SHA256())
        )

    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    leaf = certificate("Example Brand", key.public_key(), is_root=False)
    (folder / "chain.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "anchor.pem").write_bytes(
        certificate("Example CA", root_key.public_key(), is_root=True).public_bytes(pem)
    )
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
    return SigningIdentity.from_files(folder / "chain.pem", folder / "key.pem", anchor=folder / "anchor.pem")


def signed_picture(
    media_type: str,
    identity: SigningIdentity,
    *,
    statement: Statement | None = None,
    parent: Parent | None = None,
    width_px: int = 40,
    height_px: int = 30,
) -> bytes:
    content = picture(media_type, width_px, height_px)
    said = statement or statement_of(content)
    return sign(
        embed_xmp(content, said, title="Harbour"),
        media_type,
        said,
        identity,
        title="harbour",
        style_title="Risograph",
        parent=parent,
    )


def signed_elsewhere(
    content: bytes, media_type: str, identity: SigningIdentity, *, note: str = "", remote_url: str | None = None
) -> bytes:
    """A file signed by another product: its own generator, no statement, nothing of ours."""
    definition = {
        "claim_version": 2,
        "claim_generator_info": [{"name": "another camera", "version": "9"}],
        "title": "inbound",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE_CREATED}]},
            },
            {"label": "org.example.note", "data": {"note": note}},
        ],
    }
    target = io.BytesIO()
    key, chain = (identity.key_pem or "").encode(), identity.chain_pem.encode()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", chain, key, None))
    settings = {
        "version": 1,
        "verify": {"remote_manifest_fetch": False, "verify_after_sign": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    builder = c2pa.Builder(definition, c2pa.Context.from_dict(settings))
    if remote_url is not None:
        builder.set_no_embed()
        builder.set_remote_url(remote_url)
    builder.sign(signer, media_type, io.BytesIO(content), target)
    return target.getvalue()
