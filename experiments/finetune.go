package experiments

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
)

// CLIPAdamW are the settings with which the published CLIPs were trained (Radford et al. 2021, table 6, and open_clip's
// defaults): for towers with vision transformers, or for those with ResNets. They are for batches of thousands and many
// thousands of steps.
func CLIPAdamW(resNet bool) AdamW {
	o := AdamW{LR: 5e-4, Beta1: 0.9, Beta2: 0.98, Eps: 1e-6, WeightDecay: 0.2, WarmupSteps: 2000}
	if resNet {
		o.Beta2, o.Eps = 0.999, 1e-8
	}
	return o
}

// DecayCLIP is open_clip's rule for weight decay: everything decays but gains, biases, vectors and the temperature. Unlike
// under [DecayMatrices], embeddings and positions decay.
func DecayCLIP(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if strings.Contains(path, "/bn") || strings.HasSuffix(path, "/downsample/1/weight") { // CLIP's ResNets: batch norms
		return false
	}
	return DecayMatrices(path) || name == "positional_embedding" || name == "proj"
}

// Freeze makes the variables of store that match take no part in training: a locked tower (Zhai et al. 2022). Its batch norms
// keep their running statistics and normalise by them. The variables must be there already, from
// a checkpoint; none is an error.
func Freeze(store *model.Store, match func(path string) bool) error {
	frozen := 0
	for v := range store.IterVariables() {
		if match(v.Path()) && !strings.HasPrefix(v.Path(), optimizerScope+"/") {
			v.Trainable = false
			frozen++
		}
	}
	if frozen == 0 {
		return fmt.Errorf("freeze: expected weights from a checkpoint to keep as they are, found none; name the checkpoint with init")
	}
	return nil
}

// IsVisual tells the picture tower's variables from the others, in CLIP's naming.
func IsVisual(path string) bool { return strings.HasPrefix(path, "/visual/") }

// LayerDecay is the layer-wise learning rate of fine-tuning (Clark et al. 2020, section 3, and BEiT): what lies k layers below
// the top of its tower learns at decay^k times the rate. The top is what follows the last block (projections, the last
// norm, the temperature); what comes before the first block lies lowest. The blocks are those that store holds.
func LayerDecay(store *model.Store, decay float64) (func(path string) float64, error) {
	if !(decay > 0 && decay <= 1) {
		return nil, fmt.Errorf("layer_decay: expected more than 0 and at most 1, found %g", decay)
	}
	blocks := map[bool][]block{} // of the picture tower and of the text tower, each once, in order
	for v := range store.IterVariables() {
		if b, ok := blockOf(v.Path()); ok && !slices.Contains(blocks[IsVisual(v.Path())], b) {
			blocks[IsVisual(v.Path())] = append(blocks[IsVisual(v.Path())], b)
		}
	}
	for _, list := range blocks {
		slices.SortFunc(list, func(a, b block) int { return (a.stage-b.stage)*maxBlocks + a.index - b.index })
	}
	return func(path string) float64 {
		tower := blocks[IsVisual(path)]
		below := 0 // layers below the top
		if b, ok := blockOf(path); ok {
			below = len(tower) - slices.Index(tower, b)
		} else if isStem(path) {
			below = len(tower) + 1
		}
		return math.Pow(decay, float64(below))
	}, nil
}

// block is the place of a block in its tower: ResNets have stages.
type block struct{ stage, index int }

const maxBlocks = 1 << 20

var (
	transformerBlocks = regexp.MustCompile(`/resblocks/(\d+)/`)
	resNetBlocks      = regexp.MustCompile(`/layer(\d+)/(\d+)/`)
	resNetShortcuts   = regexp.MustCompile(`/layer(\d+)/`)
	stem              = regexp.MustCompile(`/(conv\d|bn\d|ln_pre|norm|token_embedding|positional_embedding|class_embedding)(/|$)`)
)

// blockOf finds a block's place in a path.
func blockOf(path string) (block, bool) {
	var b block
	if found := transformerBlocks.FindStringSubmatch(path); found != nil {
		fmt.Sscan(found[1], &b.index)
		return b, true
	}
	if found := resNetBlocks.FindStringSubmatch(path); found != nil {
		fmt.Sscan(found[1], &b.stage)
		fmt.Sscan(found[2], &b.index)
		return b, true
	}
	if found := resNetShortcuts.FindStringSubmatch(path); found != nil {
		fmt.Sscan(found[1], &b.stage)
		return b, true // what leads into a stage belongs to its first block
	}
	return b, false
}

// isStem says whether a variable comes before the first block of its tower. The positions of an attention pool do not.
func isStem(path string) bool {
	return stem.MatchString(path) && !strings.Contains(path, "/attnpool/")
}
