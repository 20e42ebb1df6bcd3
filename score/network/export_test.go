package network

// TutorialUNetLayers shows what each layer gives.
var TutorialUNetLayers = tutorialUNet
