"""A pipeline out of its folder, by the classes named here and no others, with every tensor from the folder's files.

Image-to-image (SDEdit, Meng et al., 2022) under a ControlNet (Zhang et al., 2023, arXiv:2302.05543) with the style
picture through an IP-Adapter (Ye et al., 2023, arXiv:2308.06721). The two libraries are an optional extra: they are
imported here alone, told to look at local files only, and never asked to run anybody's code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.diffusion.folder import ADAPTER
from stylecore.errors import StyleError
from stylecore.torchvision_bridge import ensure_importable

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_SPREAD = (0.26862954, 0.26130258, 0.27577711)
_LOCAL = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": False, "output_loading_info": True}
_EXTRA = "Install it with `pip install restyle[diffusion]`."


def load_pipeline(folder: Path) -> Any:
    """The pipeline, frozen, on the CPU. Whatever does not fit together is a StyleError."""
    diffusers, transformers = _libraries()
    try:
        parts = {
            "unet": _whole(diffusers.UNet2DConditionModel, folder / "unet"),
            "vae": _whole(diffusers.AutoencoderKL, folder / "vae"),
            "controlnet": _whole(diffusers.ControlNetModel, folder / "controlnet"),
            "text_encoder": _whole(transformers.CLIPTextModel, folder / "text_encoder"),
            "image_encoder": _whole(transformers.CLIPVisionModelWithProjection, folder / "image_encoder"),
            "tokenizer": transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            # A deterministic sampler, whatever the folder was made for: noise comes from the recipe's seed alone.
            "scheduler": diffusers.DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True),
        }
        # A safety checker judges subjects by another network's opinion; here policy and reviewers do that.
        pipeline = diffusers.StableDiffusionControlNetImg2ImgPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
        pipeline.load_ip_adapter(folder, "", ADAPTER, image_encoder_folder=None, **_ADAPTER)
    except StyleError:
        raise
    except Exception as problem:  # these libraries raise whatever comes up on files that do not fit
        raise StyleError(
            f"the pipeline in {folder} cannot be built ({ascii(str(problem))[1:200]})", "parts that fit together"
        ) from problem
    for name in ("unet", "vae", "controlnet", "text_encoder", "image_encoder"):
        getattr(pipeline, name).eval().requires_grad_(False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


_ADAPTER = {"local_files_only": True, "low_cpu_mem_usage": False}


def _libraries() -> tuple[Any, Any]:
    ensure_importable()  # transformers imports torchvision
    try:
        import diffusers
        import huggingface_hub.constants
        import transformers
    except ImportError as problem:
        raise StyleError(f"no {problem.name} is installed", "the extra that diffusion needs", _EXTRA) from problem
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    return diffusers, transformers


def _whole(kind: Any, folder: Path) -> Any:
    """A network all of whose tensors were in its file: what is missing would be random numbers, without a word."""
    network, told = kind.from_pretrained(folder, **_LOCAL)
    odd = [name for kind_of in ("missing_keys", "unexpected_keys", "mismatched_keys") for name in told[kind_of]]
    if odd:
        raise StyleError(
            f"weights of {folder.name} that do not fit ({ascii(odd[0])[:80]})", "every tensor and no other"
        )
    return network


def words(pipeline: Any, prompt: str, avoided: str) -> tuple[Tensor, Tensor]:
    """What the text encoder makes of the prompt, and of what is to be avoided."""
    with torch.inference_mode(False), torch.no_grad():
        wanted, unwanted = pipeline.encode_prompt(
            prompt, pipeline.device, 1, do_classifier_free_guidance=True, negative_prompt=avoided
        )
    return wanted, unwanted


def style_embedding(pipeline: Any, reference: Tensor) -> Tensor:
    """What the image encoder makes of the style picture, with the nothing that guidance compares it with.

    The whole picture is shown, squeezed into a square: CLIP's own preprocessing would cut its sides off.
    """
    encoder = pipeline.image_encoder
    edge = encoder.config.image_size
    mean, spread = (torch.tensor(values)[None, :, None, None] for values in (_CLIP_MEAN, _CLIP_SPREAD))
    shown = functional.interpolate(reference, size=(edge, edge), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.inference_mode(False), torch.no_grad():
        projected = encoder((shown - mean) / spread).image_embeds[:, None]
    return torch.cat([torch.zeros_like(projected), projected])
