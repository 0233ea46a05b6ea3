"""Network architectures: UNet, StarGAN, ResNet, ConvNeXt and MLP."""
