package network

// What tests look at.
var (
	TutorialUNetLayers = tutorialUNet // it shows what each layer gives
	Patches            = UNet.patches
	Inverse            = inverse
)
