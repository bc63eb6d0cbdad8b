// Package studies lists the lesson's experiments.
package studies

import (
	"github.com/glimpse-ml/glimpse/experiments/built/answering"
	"github.com/glimpse-ml/glimpse/experiments/built/blip"
	"github.com/glimpse-ml/glimpse/experiments/built/describing"
	"github.com/glimpse-ml/glimpse/experiments/built/guided"
	"github.com/glimpse-ml/glimpse/experiments/built/imagen"
	"github.com/glimpse-ml/glimpse/experiments/built/judging"
	"github.com/glimpse-ml/glimpse/experiments/built/latentdiffusion"
	"github.com/glimpse-ml/glimpse/experiments/built/segmentation"
	"github.com/glimpse-ml/glimpse/experiments/built/unclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/lesson/attending"
	"github.com/glimpse-ml/glimpse/experiments/lesson/batchsize"
	"github.com/glimpse-ml/glimpse/experiments/lesson/composition"
	"github.com/glimpse-ml/glimpse/experiments/lesson/efficiency"
	"github.com/glimpse-ml/glimpse/experiments/lesson/matrix"
	"github.com/glimpse-ml/glimpse/experiments/lesson/noise"
	"github.com/glimpse-ml/glimpse/experiments/lesson/observatory"
	"github.com/glimpse-ml/glimpse/experiments/lesson/prompts"
	"github.com/glimpse-ml/glimpse/experiments/lesson/retrieval"
	"github.com/glimpse-ml/glimpse/experiments/lesson/shardedloss"
	"github.com/glimpse-ml/glimpse/experiments/lesson/temperature"
	"github.com/glimpse-ml/glimpse/experiments/lesson/zeroshot"
)

// Claims are the studies of the lesson's claims, in its order.
func Claims() lesson.Series {
	return lesson.Series{
		Name: "lesson", Title: "The lesson's claims, measured", Index: "docs/results/lesson.md", Errata: "docs/errata.md",
		Opening: "Each question has an experiment that runs on a laptop; its page has the figures. Intervals are 95%.",
		Studies: claims(),
	}
}

// BuiltOnCLIP are the studies of what is built on CLIP, the lesson's sixth part.
func BuiltOnCLIP() lesson.Series {
	return lesson.Series{
		Name: "built", Title: "Built on CLIP, measured", Index: "docs/results/built-on-clip.md",
		Opening: "CLIP is a judge; these are what is made with one, and beside it one that does without (built/imagen). Each has an experiment that runs on a laptop; the page\n" +
			"of one that is recorded has the figures, and how the bars that were set beforehand came out. Intervals are 95%.\n\n![What is built on CLIP, and what with](../images/built.svg)",
		Studies: builtOnCLIP(),
	}
}

// All are the studies of both.
func All() []lesson.Study { return append(claims(), builtOnCLIP()...) }

func builtOnCLIP() []lesson.Study {
	return []lesson.Study{
		describing.Study(),
		blip.Study(),
		answering.Study(),
		segmentation.Study(),
		guided.Study(),
		latentdiffusion.Study(),
		imagen.Study(),
		unclip.Study(),
		judging.Study(),
	}
}

func claims() []lesson.Study {
	return []lesson.Study{
		matrix.Study(),
		temperature.Study(),
		observatory.Study(),
		batchsize.Study(),
		attending.Study(),
		prompts.Study(),
		efficiency.Study(),
		zeroshot.Study(),
		retrieval.Study(),
		composition.Study(),
		shardedloss.Study(),
		noise.Study(),
	}
}
