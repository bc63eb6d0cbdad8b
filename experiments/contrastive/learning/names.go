package learning

import (
	"encoding/json"
	"fmt"
	"math"
)

// The names of the figures in metrics.jsonl, besides loss, grad_norm and lr.
const (
	LogitScale  = "logit_scale"           // exp(logit_scale), the factor on cosines: 1/temperature
	ImageToText = "image_to_text_acc"     // share of the batch's pictures whose closest text is their own; chance is 1/N
	TextToImage = "text_to_image_acc"     // the other way round
	Pairs       = "cosine_pairs"          // mean cosine of a picture and its own text
	NonPairs    = "cosine_non_pairs"      // mean cosine of a picture and another's text
	Gap         = "modality_gap"          // distance of the centroids of pictures and texts (Liang et al. 2022)
	Duplicates  = "duplicate_captions"    // share of the batch's texts that have an equal one in the batch
	Floor       = "loss_floor"            // nats that the loss cannot be below because of them
	Chance      = "loss_chance"           // nats of a model that tells nothing apart, where that is not ln N: in a masked batch
	GradImage   = "grad_norm_image"       // norm of the gradients of the picture's tower
	GradText    = "grad_norm_text"        // of the text's tower
	GradScale   = "grad_norm_logit_scale" // of the temperature
	RankImage   = "effective_rank_image"  // [EffectiveRank] of an evaluation's picture embeddings
	RankText    = "effective_rank_text"   // of its text embeddings
)

// Settings are what the rules have to know of a run's configuration.
type Settings struct {
	Batch    int     // N, pairs in a batch
	EmbedDim int     // D, width of the embeddings
	SigLIP   bool    // whether the loss is SigLIP's; InfoNCE otherwise
	Steps    int     // that were planned; 0 when that is not known
	Warmup   int     // steps of warm-up
	LR       float64 // peak learning rate
	MinScale float64 // the clamps of the factor on cosines
	MaxScale float64
}

// SettingsOf reads them from the configuration in a run's manifest. One that is of no contrastive experiment is an error.
func SettingsOf(config json.RawMessage) (Settings, error) {
	var c struct {
		BatchSize int    `json:"batch_size"`
		Loss      string `json:"loss"`
		Model     struct {
			EmbedDim int `json:"embed_dim"`
		} `json:"model"`
		Train struct {
			Steps     int `json:"steps"`
			Optimizer struct {
				LR     float64 `json:"lr"`
				Warmup int     `json:"warmup_steps"`
			} `json:"optimizer"`
		} `json:"train"`
	}
	if err := json.Unmarshal(config, &c); err != nil || c.BatchSize < 2 || c.Model.EmbedDim < 1 {
		return Settings{}, fmt.Errorf("expected the configuration of a contrastive experiment, with batch_size and model.embed_dim, found another; " +
			"the experiments clip, clip/lit and clip/products are contrastive")
	}
	o := c.Train.Optimizer
	return Settings{Batch: c.BatchSize, EmbedDim: c.Model.EmbedDim, SigLIP: c.Loss == "siglip",
		Steps: c.Train.Steps, Warmup: o.Warmup, LR: o.LR, MinScale: 1, MaxScale: 100}, nil
}

// Chance is the loss, in nats, of a model whose embeddings say nothing: ln N for InfoNCE. For SigLIP it is the loss of the best
// bias alone, ln N + (N-1) ln(N/(N-1)), which a training reaches only when the bias has been learned.
func (s Settings) Chance() float64 {
	n := float64(s.Batch)
	if s.SigLIP {
		return math.Log(n) + (n-1)*math.Log(n/(n-1))
	}
	return math.Log(n)
}
