// Package studies lists the lesson's experiments.
package studies

import (
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

// All are the studies in the lesson's order.
func All() []lesson.Study {
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
