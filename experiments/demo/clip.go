package demo

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// CLIPConfig is the configuration of the experiment clip.
type CLIPConfig struct {
	Data       string                  `json:"data"`        // main data set: fashion-products, flickr8k, scenes or scenes-several
	Also       string                  `json:"also"`        // second data set, or "" for none
	AlsoPairs  int                     `json:"also_pairs"`  // how many pairs of each batch are of the second
	Limit      int                     `json:"limit"`       // largest number of training pictures of each; 0 for all
	HeldOut    int                     `json:"held_out"`    // likewise of held-out ones
	Merges     int                     `json:"merges"`      // of the byte-pair vocabulary, learned from the training texts
	Model      clip.Config             `json:"model"`       // vocab_size is set from the vocabulary
	BatchSize  int                     `json:"batch_size"`  // pairs
	Temp       float64                 `json:"temperature"` // that training begins with, 0.01 to 1
	LearnTemp  bool                    `json:"learn_temperature"`
	Shift      int                     `json:"shift"`       // augmentation: pixels of shift each way, and a mirror; 0 for none
	EvalPairs  int                     `json:"eval_pairs"`  // held-out pairs for retrieval
	LeastClass int                     `json:"least_class"` // classes with fewer held-out pictures are left out of zero-shot
	Attribute  string                  `json:"attribute"`   // the attribute whose values are the zero-shot classes
	Train      experiments.TrainConfig `json:"train"`
}

// CLIP is the experiment clip: 4,800 product photographs with titles and 6,000 photographs with captions.
//
//	glimpse train clip          minutes on 2 cores
//	glimpse train clip --quick    seconds, on Scenes
//
// What came out is in docs/results/demo.md.
func CLIP() experiments.Experiment {
	return experiments.New("clip", "a small CLIP from scratch: product photographs with titles, photographs with captions", clipDefaults, trainCLIP)
}

func clipDefaults(form experiments.Form, kind backend.Kind) CLIPConfig {
	c := CLIPConfig{
		Data: "fashion-products", Also: "flickr8k", AlsoPairs: 16, Merges: 4000, Model: clip.Small(0), BatchSize: 128, Shift: 4,
		Temp: 0.07, LearnTemp: true, EvalPairs: 1000, LeastClass: 20, Attribute: "articleType",
		Train: experiments.TrainConfig{Steps: 180, Optimizer: experiments.DefaultAdamW(), LogEvery: 5, EvalEvery: 60},
	}
	c.Train.Optimizer.LR, c.Train.Optimizer.WeightDecay = 2e-3, 0.1
	if kind == backend.Go {
		c.Train.Steps = 160
	}
	if form == experiments.Quick {
		c.Data, c.Also, c.Limit, c.Merges, c.BatchSize, c.EvalPairs = "scenes", "", 2000, 200, 64, 200
		c.Model, c.Attribute, c.Shift = clip.Tiny(0), "", 0
		c.Train.Steps, c.Train.LogEvery, c.Train.EvalEvery, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.LR = 120, 1, 40, 10, 3e-3
	}
	return c
}

// CLIPReport is what the experiment clip found out, as written to report.json.
type CLIPReport struct {
	Data         string              `json:"data"`          // the main data set that was used
	Training     int                 `json:"training"`      // pictures trained on
	HeldOut      int                 `json:"held_out"`      // pictures evaluated on
	Before       evaluate.Retrieval  `json:"before"`        // with fresh weights
	Retrieval    evaluate.Retrieval  `json:"retrieval"`     // on held-out pairs of the main data set
	ZeroShot     *evaluate.ZeroShot  `json:"zero_shot"`     // on its held-out pictures
	Also         *evaluate.Retrieval `json:"also"`          // on held-out pairs of the second data set
	AlsoData     string              `json:"also_data"`     //
	LogitScale   float64             `json:"scale"`         // exp(logit_scale), 1/tau
	Trained      experiments.Trained `json:"trained"`       //
	Samples      []string            `json:"samples"`       // titles of the pairs of the matrices
	MatrixBefore [][]float32         `json:"matrix_before"` // cosines of those pairs with fresh weights
	MatrixAfter  [][]float32         `json:"matrix_after"`
	Map          EmbeddingMap        `json:"map"`
}

// matrixPairs is how many held-out pairs the similarity matrices show.
const matrixPairs = 32

func trainCLIP(ctx context.Context, env *experiments.Env, cfg CLIPConfig) (experiments.Result, error) {
	var result experiments.Result
	data, err := openPairs(env, &cfg, &result)
	if err != nil {
		return result, err
	}
	m, err := newCLIP(env, cfg, data)
	if err != nil {
		return result, err
	}
	b := env.Backend.Backend
	var before *evaluate.Embedded
	if !env.Rehearsing() {
		if before, err = evaluate.Embed(ctx, b, m, data.heldOut[0], nil); err != nil {
			return result, err
		}
	}
	trained, problems, err := fitCLIP(ctx, env, m, data, cfg)
	if err != nil {
		return result, err
	}
	result.Remarks = append(result.Remarks, problems...)
	if err := m.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	env.Say("clip: evaluating on %d held-out pictures", data.heldOut[0].Len())
	report, err := evaluateCLIP(ctx, env, m, data, cfg)
	if err != nil {
		return result, err
	}
	report.Trained = trained
	report.Before = before.First(cfg.EvalPairs).Retrieve()
	report.MatrixBefore = matrixOf(before)
	result.Metrics = report.metrics()
	if err := env.Run.WriteJSON(ReportFile, report); err != nil {
		return result, err
	}
	if err := drawCLIP(env.Run, report, cfg.BatchSize); err != nil {
		return result, err
	}
	return result, contrastive.DrawPanel(env.Run)
}

// ReportFile holds what an experiment found out beyond its metrics.
const ReportFile = "report.json"

// pairData are the data sets of a run: training and held-out split of one or two.
type pairData struct {
	train, heldOut []datasets.Dataset
}

// openPairs opens the data. Without the real pictures it takes Scenes and says so.
func openPairs(env *experiments.Env, cfg *CLIPConfig, result *experiments.Result) (*pairData, error) {
	remark := func(format string, args ...any) {
		result.Remarks = append(result.Remarks, fmt.Sprintf(format, args...))
		env.Say("clip: "+format, args...)
	}
	data := &pairData{}
	add := func(name string, main bool) error {
		train, heldOut, err := openSplits(env, name, cfg.Limit, cfg.HeldOut, main)
		if err == nil {
			data.train, data.heldOut = append(data.train, train), append(data.heldOut, heldOut)
		}
		return err
	}
	if err := add(cfg.Data, true); err != nil {
		if env.DataDir != "" {
			return nil, err
		}
		remark("%v; training on Scenes instead", err)
		cfg.Data, cfg.Also, cfg.Attribute = "scenes", "", ""
		if err := add(cfg.Data, true); err != nil {
			return nil, err
		}
	}
	if cfg.Also != "" {
		if err := add(cfg.Also, false); err != nil {
			remark("%v; training without it", err)
			cfg.Also = ""
		}
	}
	return data, nil
}

// openSplits opens the training and a held-out split of a data set by its name.
func openSplits(env *experiments.Env, name string, limit, held int, main bool) (train, heldOut datasets.Dataset, err error) {
	if cfg, ok := DrawnScenes(name, env.Seed); ok {
		return sceneSplits(cfg, limit, held)
	}
	if train, err = env.Open(name, "train", main); err != nil {
		return nil, nil, err
	}
	if heldOut, err = openHeldOut(env, name, main); err != nil {
		return nil, nil, err
	}
	if train, err = withCaptions(train); err != nil {
		return nil, nil, err
	}
	if heldOut, err = withCaptions(heldOut); err != nil {
		return nil, nil, err
	}
	if limit > 0 {
		train = datasets.Limit(train, limit)
	}
	if held > 0 {
		heldOut = datasets.Limit(heldOut, held)
	}
	return train, heldOut, nil
}

// openHeldOut opens a data set's test split, or val where there is no other.
func openHeldOut(env *experiments.Env, name string, main bool) (datasets.Dataset, error) {
	heldOut, err := env.Open(name, "test", main)
	if err != nil {
		if val, valErr := env.Open(name, "val", main); valErr == nil {
			return val, nil
		}
	}
	return heldOut, err
}

// withCaptions leaves out the examples without a text.
func withCaptions(set datasets.Dataset) (datasets.Dataset, error) {
	var indices []int
	for i := range set.Len() {
		if len(set.At(i).Captions) > 0 {
			indices = append(indices, i)
		}
	}
	switch len(indices) {
	case set.Len():
		return set, nil
	case 0:
		return nil, fmt.Errorf("expected pictures with texts, found none among the %d of %s; CLIP learns from pairs", set.Len(), set.Name())
	}
	return datasets.Subset(set, indices)
}

// DrawnScenes are the scenes that a name of [CLIPConfig.Data] stands for, and false where it stands for none: scenes have one object each and
// captions that name it; scenes-several have two to four, and captions that list them, count them, or say how they lie to each other.
func DrawnScenes(name string, seed int64) (cfg scenes.Config, ok bool) {
	switch name {
	case "scenes":
		cfg = scenes.Single()
	case "scenes-several":
		cfg = scenes.Config{MinObjects: 2, MaxObjects: scenes.MostObjects}
	default:
		return cfg, false
	}
	cfg.Seed = uint64(seed)
	return cfg, true
}

func sceneSplits(cfg scenes.Config, limit, held int) (train, heldOut datasets.Dataset, err error) {
	cfg.Split, cfg.Count = scenes.Train, 4000
	if limit > 0 {
		cfg.Count = limit
	}
	if train, err = scenes.New(cfg); err != nil {
		return nil, nil, err
	}
	cfg.Split, cfg.Count = scenes.Test, cmp.Or(held, 1000)
	heldOut, err = scenes.New(cfg)
	return train, heldOut, err
}

// Check says what is wrong with the settings, if anything is that needs no data to be seen.
func (c CLIPConfig) Check() error { return clip.CheckTemperature(c.Temp) }

// newCLIP learns the vocabulary and makes a model with fresh weights.
func newCLIP(env *experiments.Env, cfg CLIPConfig, data *pairData) (*clip.Model, error) {
	var texts []string
	for _, set := range data.train {
		for i := range set.Len() {
			texts = append(texts, set.At(i).Captions...)
		}
	}
	tokenizer, err := clip.TrainTokenizer(texts, cfg.Merges)
	if err != nil {
		return nil, err
	}
	modelConfig := cfg.Model
	modelConfig.Text.VocabSize = tokenizer.VocabSize()
	m, err := clip.New(modelConfig, tokenizer, env.Seed)
	if err != nil || cfg.Temp == 0 { // a run from before the temperature was a setting goes on as it began
		return m, err
	}
	return m, m.SetTemperature(cfg.Temp, cfg.LearnTemp)
}

// fitCLIP trains m.
func fitCLIP(ctx context.Context, env *experiments.Env, m *clip.Model, data *pairData, cfg CLIPConfig) (experiments.Trained, []string, error) {
	v := m.Config.Vision
	var sets []*pictures
	for _, set := range data.train {
		sets = append(sets, newPictures(set, v.Width, v.Height))
	}
	if len(sets) > 1 && (cfg.AlsoPairs < 1 || cfg.AlsoPairs >= cfg.BatchSize) {
		return experiments.Trained{}, nil, fmt.Errorf("also_pairs: expected 1 to %d of the %d pairs of a batch, found %d", cfg.BatchSize-1, cfg.BatchSize, cfg.AlsoPairs)
	}
	source, err := newPairSource(m, sets, cfg, env.Seed)
	if err != nil {
		return experiments.Trained{}, nil, err
	}
	defer source.close()
	task := experiments.Task{
		Embed: func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			image, text := m.Embed(scope, inputs[0], inputs[1])
			return []*graph.Node{image, text}
		},
		Compare: func(scope *model.Scope, e []*graph.Node) (*graph.Node, []experiments.Metric) {
			loss, scale := clip.InfoNCELoss.Compare(scope, e[0], e[1])
			return loss, contrastive.BatchFigures(e[0], e[1], scale)
		},
		After: m.ClampScale,
		Tower: contrastive.Tower,
		Evaluate: func(ctx context.Context) (map[string]float64, error) {
			return effectiveRanks(ctx, env.Backend.Backend, m, data.heldOut[0])
		},
	}
	watch, err := contrastive.Watch(env, "clip")
	if err != nil {
		return experiments.Trained{}, nil, err
	}
	bar := progress.New(env.Messages, "clip: training", int64(cfg.Train.Steps), progress.Options{})
	defer bar.Done()
	trained, err := env.Train(ctx, "clip", m.Store, task, source, cfg.Train, func(s experiments.Step) error {
		bar.Describe(fmt.Sprintf("clip: loss %.2f, %.0f%% waiting", s.Loss, 100*s.Waiting))
		bar.Set(int64(s.Step))
		if !cfg.Train.Records(s) {
			return nil
		}
		if err := env.Run.Record(s); err != nil {
			return err
		}
		return watch(s)
	})
	return trained, source.bad(), err
}

// rankPairs is how many held-out pictures, each with its first text, the effective ranks during training are those of.
const rankPairs = 256

// firstCaption is a data set whose examples have one caption at most.
type firstCaption struct{ datasets.Dataset }

func (d firstCaption) At(i int) datasets.Example {
	e := d.Dataset.At(i)
	e.Captions = e.Captions[:min(1, len(e.Captions))]
	return e
}

// effectiveRanks measures the embeddings of the first held-out pairs.
func effectiveRanks(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset) (map[string]float64, error) {
	e, err := evaluate.Embed(ctx, b, m, firstCaption{datasets.Limit(set, rankPairs)}, nil)
	if err != nil {
		return nil, err
	}
	ranks, err := learning.RanksOf(e.Images, e.Texts)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	ranks.Into(found)
	return found, nil
}

// evaluateCLIP measures a trained model on the held-out pictures.
func evaluateCLIP(ctx context.Context, env *experiments.Env, m *clip.Model, data *pairData, cfg CLIPConfig) (*CLIPReport, error) {
	b := env.Backend.Backend
	after, err := evaluate.Embed(ctx, b, m, data.heldOut[0], nil)
	if err != nil {
		return nil, err
	}
	r := &CLIPReport{Data: cfg.Data, Training: data.train[0].Len(), HeldOut: len(after.Examples),
		Retrieval: after.First(cfg.EvalPairs).Retrieve(), MatrixAfter: matrixOf(after)}
	var templates []string // the default ones
	if cfg.Data == "fashion-products" {
		templates = evaluate.ProductTemplates()
	}
	if r.ZeroShot, err = after.Classify(b, m, evaluate.ByAttribute(cfg.Attribute), evaluate.Names, templates, cfg.LeastClass); err != nil {
		env.Say("clip: no zero-shot figure: %v", err)
	}
	for _, example := range after.Examples[:min(matrixPairs, len(after.Examples))] {
		r.Samples = append(r.Samples, example.Captions[0])
	}
	if r.Map, err = mapOf(after, evaluate.ByAttribute(cfg.Attribute)); err != nil {
		return nil, err
	}
	if len(data.heldOut) > 1 {
		also, err := evaluate.Embed(ctx, b, m, data.heldOut[1], nil)
		if err != nil {
			return nil, err
		}
		found := also.Retrieve()
		r.Also, r.AlsoData = &found, cfg.Also
	}
	r.LogitScale, err = m.Scale()
	return r, err
}

// metrics are the report's figures under the names that scripts read.
func (r *CLIPReport) metrics() map[string]float64 {
	out := map[string]float64{"loss": r.Trained.Last.Loss, "logit_scale": r.LogitScale,
		"step_seconds": r.Trained.StepSeconds, "data_waiting": r.Trained.Waiting}
	put := func(name string, p stats.Proportion) {
		out[name], out[name+"_low"], out[name+"_high"], out[name+"_n"] = p.Value, p.Low, p.High, float64(p.N)
	}
	if r.ZeroShot != nil {
		put("zeroshot_top1", r.ZeroShot.Top1)
	}
	for _, k := range evaluate.RecallAt() {
		put(fmt.Sprintf("image_to_text_recall@%d", k), r.Retrieval.ImageToText[k])
		put(fmt.Sprintf("text_to_image_recall@%d", k), r.Retrieval.TextToImage[k])
		if r.Also != nil {
			put(fmt.Sprintf("%s_image_to_text_recall@%d", r.AlsoData, k), r.Also.ImageToText[k])
			put(fmt.Sprintf("%s_text_to_image_recall@%d", r.AlsoData, k), r.Also.TextToImage[k])
		}
	}
	return out
}

func matrixOf(e *evaluate.Embedded) [][]float32 {
	few := e.First(matrixPairs)
	texts := make([][]float32, 0, matrixPairs)
	for i, owner := range few.Owner {
		if owner == len(texts) { // the first caption of each
			texts = append(texts, few.Texts[i])
		}
	}
	return clip.Similarities(few.Images, texts)
}
