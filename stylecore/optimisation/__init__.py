"""Style transfer by optimising the pixels of the picture itself: slow, without training, and the best there is."""
