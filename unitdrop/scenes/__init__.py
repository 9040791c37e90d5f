"""A small world of our own: rendered scenes whose every pixel is known, and a ResNet trained on them."""

from unitdrop.scenes.compose import CONCEPTS, DEFINING, NAMES, Scene, render, siblings

__all__ = ["CONCEPTS", "DEFINING", "NAMES", "Scene", "render", "siblings"]
