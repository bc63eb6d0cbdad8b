package learning

import (
	"fmt"
	"math"
)

// The thresholds of the rules. The healthy quick runs of clip, clip/lit and clip/products stay clear of all of them (a test holds
// the rules to five seeds of each).
const (
	nearChance    = 0.01 // a loss that is not further below chance than this share of it has learned nothing
	unfairShare   = 0.25 // duplicates: the loss cannot be below this share of chance
	deadShare     = 1e-3 // a tower whose gradients are this much smaller than the other's
	oneVector     = 0.95 // mean cosine of non-pairs at which all embeddings are nearly one
	oneDirection  = 1.5  // effective rank of a tower whose embeddings lie along one direction
	atClamp       = 1e-3 // a factor on cosines this close to a clamp, as a share of it, is at it
	luckyGuessing = 4    // standard errors by which an accuracy may be above chance by luck
)

// atChance: the loss is, on average, no better than that of guessing.
func (v view) atChance() string {
	lines := v.window(v.span())
	if lines == nil {
		return ""
	}
	if v.luckier(lines) {
		return "" // the loss says little yet, but pairs are found
	}
	if v.SigLIP { // its loss starts far above chance, by its bias
		accuracy, ok := v.accuracy(lines)
		if !ok {
			return ""
		}
		return fmt.Sprintf("the accuracy in the batch has been %.1f%% for %d steps, and chance is 1/%d = %.1f%%: nothing is learned; %s",
			100*accuracy, v.span(), v.Batch, 100/float64(v.Batch), v.whenStuck(lines))
	}
	loss, ok := mean(lines, "loss")
	lately, _ := mean(lines[2*len(lines)/3:], "loss") // one that begins to fall is learning
	chance := v.chance(lines)
	if !ok || min(loss, lately) < (1-nearChance)*chance {
		return ""
	}
	said := fmt.Sprintf("%.2f on average, no better than %s (chance)", loss, v.inWords(chance))
	if low, high, _ := bounds(lines, "loss"); max(math.Abs(low/chance-1), math.Abs(high/chance-1)) <= nearChance {
		said = fmt.Sprintf("within 1%% of %s (chance)", v.inWords(chance))
	}
	return fmt.Sprintf("the loss has been %s for %d steps: nothing is learned%s; %s", said, v.span(), v.accuracyInWords(lines), v.whenStuck(lines))
}

// accuracy is that in the batch, the mean of both ways.
func (v view) accuracy(lines []map[string]float64) (float64, bool) {
	image, ok := mean(lines, ImageToText)
	text, also := mean(lines, TextToImage)
	return (image + text) / 2, ok && also
}

// luckier says whether the accuracy is further above chance than luck explains.
func (v view) luckier(lines []map[string]float64) bool {
	accuracy, ok := v.accuracy(lines)
	p := 1 / float64(v.Batch)
	error := math.Sqrt(p * (1 - p) / float64(v.Batch*len(lines)))
	return ok && accuracy > p+luckyGuessing*error
}

func (v view) accuracyInWords(lines []map[string]float64) string {
	if accuracy, ok := mean(lines, ImageToText); ok {
		return fmt.Sprintf(" (accuracy picture to text %.1f%%, chance %.1f%%)", 100*accuracy, 100/float64(v.Batch))
	}
	return ""
}

// whenStuck is what to do when nothing is learned.
func (v view) whenStuck(lines []map[string]float64) string {
	if norm, ok := mean(lines, "grad_norm"); ok && norm < 1e-6 {
		return fmt.Sprintf("the gradients are gone (norm %.1g), so no further step will help: begin again with a lower train.optimizer.lr than %g", norm, v.LR)
	}
	if v.LR < 1e-5 {
		return fmt.Sprintf("train.optimizer.lr is %g, too low to change anything in so few steps: a thousandth is a usual value", v.LR)
	}
	return fmt.Sprintf("look whether pictures and texts of the data belong together, then try another train.optimizer.lr than %g, three times lower first, "+
		"and more train.optimizer.warmup_steps than %d", v.LR, v.Warmup)
}

// collapsed: the embeddings have become one point, or one direction.
func (v view) collapsed() string {
	const remedy = "begin again with a lower train.optimizer.lr or more train.optimizer.warmup_steps, and see that the texts of the data differ"
	if lines := v.window(v.span() / 2); lines != nil {
		if cosine, ok := mean(lines, NonPairs); ok && cosine > oneVector {
			return fmt.Sprintf("the mean cosine of pictures and texts that do not belong together has been %.3f for %d steps: all embeddings are nearly one vector (collapse); %s",
				cosine, v.span()/2, remedy)
		}
	}
	for _, side := range []struct{ name, what string }{{RankImage, "pictures"}, {RankText, "texts"}} {
		step, rank, ok := v.latest(side.name)
		if ok && step > v.Warmup && rank < oneDirection {
			return fmt.Sprintf("the effective rank of the %s' embeddings is %.2f of at most %d at step %d: they lie along one direction (collapse); %s",
				side.what, rank, v.EmbedDim, step, remedy)
		}
	}
	return ""
}

// clamped: the temperature has stopped at a bound.
func (v view) clamped() string {
	lines := v.window(v.span() / 2)
	low, high, ok := bounds(lines, LogitScale)
	switch {
	case !ok:
		return ""
	case low >= v.MaxScale*(1-atClamp):
		return fmt.Sprintf("the temperature has been at its clamp, %g (a factor of %g on cosines), for %d steps%s: the softmax can get no sharper; "+
			"published CLIPs end there too, after many thousand steps, and if held-out figures still rise it does no harm; if they do not, "+
			"lower train.optimizer.lr, or see whether pairs are told apart by something else than what they show",
			1/v.MaxScale, v.MaxScale, v.span()/2, v.accuracyInWords(lines))
	case high <= v.MinScale*(1+atClamp):
		n := float64(v.Batch)
		return fmt.Sprintf("the temperature has been at its clamp, %g (a factor of %g on cosines), for %d steps: the softmax can get no flatter, and the loss of %d pairs "+
			"cannot go below %.2f whatever is learned; the model is more often wrong than it is sure: lower train.optimizer.lr and look whether pictures and texts belong together",
			1/v.MinScale, v.MinScale, v.span()/2, v.Batch, math.Log(1+(n-1)*math.Exp(-2*v.MinScale)))
	}
	return ""
}

// deadTower: one tower gets no gradients to speak of.
func (v view) deadTower() string {
	lines := v.window(v.span() / 2)
	image, ok := mean(lines, GradImage)
	text, also := mean(lines, GradText)
	if !ok || !also {
		return "" // a tower that is locked on purpose has no such figure
	}
	dead, other, small, large := "pictures'", "texts'", image, text
	if text < image {
		dead, other, small, large = other, dead, text, image
	}
	if large == 0 || small >= deadShare*large {
		return ""
	}
	return fmt.Sprintf("the gradients of the %s tower have had a norm of %.2g for %d steps, those of the %s tower %.2g: the %s tower is not trained; "+
		"look for a stopped gradient or dead units in it, and if it is meant to be locked, freeze it", dead, small, v.span()/2, other, large, dead)
}

// duplicates: many texts of a batch are the same, and the loss asks for the impossible.
func (v view) duplicates() string {
	lines := v.recent(v.span() / 2)
	floor, ok := mean(lines, Floor)
	share, _ := mean(lines, Duplicates)
	chance := v.chance(lines)
	if !ok || len(lines) < 3 || floor < unfairShare*chance {
		return ""
	}
	return fmt.Sprintf("%.0f%% of a batch's texts have an equal one in the batch (false negatives), so that the loss cannot go below %.2f, and chance is %s: "+
		"use a smaller batch_size than %d, longer or more various captions, or a loss that leaves equal texts out, as clip/products does with mask=true",
		100*share, floor, v.inWords(chance), v.Batch)
}
