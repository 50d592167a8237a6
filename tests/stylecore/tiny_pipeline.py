"""A diffusion pipeline small enough for a test: the real classes, one or two tiny layers, random numbers."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from stylecore.diffusion.folder import ADAPTER

_WIDTH, _EMBEDDING = 16, 12
_START, _END = "<|startoftext|>", "<|endoftext|>"


def write_pipeline(folder: Path) -> None:
    """All the parts that a pipeline folder has, as diffusers and transformers save them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = _unet()
        for name, part in {
            "unet": unet,
            "controlnet": _control_of(unet),
            "vae": _vae(),
            "scheduler": _schedule(),
        }.items():
            part.save_pretrained(folder / name)
        for name, part in {"text_encoder": _text_encoder(), "image_encoder": _image_encoder()}.items():
            part.save_pretrained(folder / name)
        save_file(_adapter(unet), folder / ADAPTER)
    _write_tokenizer(folder / "tokenizer")


def _unet() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=_WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def _control_of(unet: Any) -> Any:
    """A new ControlNet begins with zeros and changes nothing; this one is to be seen."""
    from diffusers import ControlNetModel

    network = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )


def _schedule() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1)


def _text_encoder() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    tiny = {"hidden_size": _WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return CLIPTextModel(CLIPTextConfig(vocab_size=60, max_position_embeddings=77, **tiny, **ids))


def _image_encoder() -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(image_size=32, patch_size=16, projection_dim=_EMBEDDING, **tiny)
    )


def _adapter(unet: Any) -> dict[str, torch.Tensor]:
    """Four words out of an image embedding, and keys and values for them beside every cross attention."""
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * _WIDTH, _EMBEDDING),
        "image_proj.proj.bias": torch.zeros(4 * _WIDTH),
        "image_proj.norm.weight": torch.ones(_WIDTH),
        "image_proj.norm.bias": torch.zeros(_WIDTH),
    }
    crossing = [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]
    for place, name in enumerate(crossing):
        width = unet.get_submodule(name).to_k.out_features
        for what in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * place + 1}.{what}.weight"] = torch.randn(width, _WIDTH)
    return tensors


def _write_tokenizer(folder: Path) -> None:
    """CLIP's tokenizer with letters for words."""
    folder.mkdir()
    pieces = [_START, _END, *(letter + end for letter in (*string.ascii_lowercase, ",") for end in ("", "</w>"))]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    told = {"model_max_length": 77, "bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": _END}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
