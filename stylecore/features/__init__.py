"""Networks for photographs, whose features the style and content losses compare. None of their weights is shipped."""

from stylecore.features.alexnet import AlexFeatures, alex_features
from stylecore.features.network import FeatureNetwork
from stylecore.features.squeeze import SqueezeFeatures, squeeze_features
from stylecore.features.vgg import Pooling, VggFeatures, vgg_features

__all__ = [
    "AlexFeatures",
    "FeatureNetwork",
    "Pooling",
    "SqueezeFeatures",
    "VggFeatures",
    "alex_features",
    "squeeze_features",
    "vgg_features",
]
