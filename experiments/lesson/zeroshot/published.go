package zeroshot

import "github.com/glimpse-ml/glimpse/experiments/lesson"

// What was published about OpenAI's models. Nothing of it was measured here, and no figure of the lesson stands in it but in its own column.
const (
	openCLIPResults = "[open_clip, docs/openclip_results.csv](https://github.com/mlfoundations/open_clip/blob/main/docs/openclip_results.csv)"
	openCLIPReadme  = "open_clip's README (\"75.5% (as measured here, 75.3% in paper)\")"
	torchvision     = "[torchvision, ResNet50_Weights.IMAGENET1K_V1](https://pytorch.org/vision/stable/models/generated/torchvision.models.resnet50.html)"
)

func publishedTable() string {
	return "Top-1 accuracy in percent. Nothing in this table was measured here: published weights are needed for that. With them, `glimpse eval zeroshot --model FOLDER --data cifar10` measures the CIFAR-10 column.\n\n" +
		lesson.Table([]string{"data set", "the lesson", "OpenAI's ViT-L/14, as open_clip measured it", "ViT-L/14@336px, likewise", "a supervised ResNet-50"}, [][]string{
			{"ImageNet", "supervised 76.1, CLIP 75.5", "75.54", "76.56", "76.13"},
			{"CIFAR-10", "supervised 95.6, CLIP 95.6", "95.59", "94.93", "no source found"},
			{"Food-101", "72.8", "93.05", "93.86", "no source found"},
			{"STL-10", "96.3", "99.36", "99.43", "no source found"},
		}) +
		"\nSources: open_clip's columns are from " + openCLIPResults + " (rows ViT-L-14,openai and ViT-L-14-336,openai); that the paper has 75.3 for ViT-L/14 on ImageNet is from " + openCLIPReadme +
		"; the ResNet-50 is " + torchvision + ", trained on all of ImageNet's 1.28 million labels. A ResNet-50 that was trained on ImageNet classifies the other three only through a probe or by more training, so that no single figure belongs there."
}

func errata() []lesson.Erratum {
	return []lesson.Erratum{
		{Claim: "on ImageNet a supervised network reaches 76.1 and CLIP's ViT-L/14 75.5.",
			Found:  "both figures exist, but they are of two makers: 75.5 is open_clip's measurement (75.54) of OpenAI's ViT-L/14, for which the paper has 75.3; ViT-L/14@336px reaches 76.56 as open_clip measured it. 76.1 is torchvision's ResNet-50 (76.13), a far smaller network.",
			Source: openCLIPResults + " and " + openCLIPReadme + "; " + torchvision + "."},
		{Claim: "on CIFAR-10 supervised and CLIP both reach 95.6.",
			Found:  "95.6 is open_clip's measurement (95.59) of OpenAI's ViT-L/14, zero-shot. That it stands in both columns looks like a slip: no source was found for a supervised 95.6.",
			Source: openCLIPResults + "."},
		{Claim: "72.8 on Food-101.",
			Found:  "no source was found for it. OpenAI's ViT-L/14 reaches 93.05 zero-shot as open_clip measured it.",
			Source: openCLIPResults + "."},
	}
}
