package contrastive

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"time"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/augment"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/parallel"
)

// ProductsConfig is the configuration of the experiment clip/products.
type ProductsConfig struct {
	Data       string                  `json:"data"`   // fashion-products or scenes
	Limit      int                     `json:"limit"`  // largest number of training pictures; 0 for all
	Dev        int                     `json:"dev"`    // training pictures that are set apart for every choice
	Merges     int                     `json:"merges"` // of the byte-pair vocabulary, learned from the training titles
	Model      clip.Config             `json:"model"`  // vocab_size is set from the vocabulary
	Loss       clip.LossKind           `json:"loss"`
	Mask       bool                    `json:"mask"`       // with infonce: a text whose words are all in a picture's title is no negative of it
	BatchSize  int                     `json:"batch_size"` // pairs
	Augment    augment.Config          `json:"augment"`
	KeepWords  [2]float64              `json:"keep_words"`  // share of a title's words that are kept, drawn between the two
	Attribute  string                  `json:"attribute"`   // whose values are the zero-shot classes, "" for the labels; never trained on
	LeastClass int                     `json:"least_class"` // classes with fewer pictures in val are left out
	Init       string                  `json:"init"`        // folder of a model to begin with, "" for fresh weights
	Freeze     string                  `json:"freeze"`      // tower of that model that is kept as it is: visual, text or ""
	LayerDecay float64                 `json:"layer_decay"` // factor on the learning rate for each layer below the top; 1 for none
	Final      bool                    `json:"final"`       // whether val is looked at, once, at the end; false while choosing settings
	Train      experiments.TrainConfig `json:"train"`
}

// Products is the experiment clip/products: CLIP (Radford et al. 2021) from scratch on 4,200 product photographs and their
// titles, and zero-shot classification of others by the names of their kinds.
//
//	glimpse train clip/products --seed 1    20 minutes on one core
//	glimpse train clip/products --quick     seconds, on Scenes
//
// Time, machine and scores are in docs/results/clip.md.
func Products() experiments.Experiment {
	return experiments.New("clip/products", "a CLIP from scratch on product photographs with their titles, zero-shot on the kinds", ProductDefaults, trainProducts)
}

// ProductDefaults are the settings of clip/products.
func ProductDefaults(form experiments.Form, _ backend.Kind) ProductsConfig {
	c := ProductsConfig{
		Data: "fashion-products", Dev: 600, Merges: 3000, Model: clip.Small(0), Loss: clip.InfoNCELoss, Mask: true, BatchSize: 128,
		Augment:   augment.Config{Scale: [2]float64{0.6, 1.1}, Stretch: 1.1, Flip: 0.5, Brightness: 0.2, Contrast: 0.2, Saturation: 0.2},
		KeepWords: [2]float64{0.1, 1}, Attribute: "articleType", LeastClass: 20, LayerDecay: 1, Final: true,
		Train: experiments.TrainConfig{Steps: 1600, Optimizer: experiments.DefaultAdamW(), LogEvery: 10, EvalEvery: 100, Average: 0.98},
	}
	c.Model.Vision.Height, c.Model.Vision.Width, c.Model.Vision.Patch = 64, 48, 2
	c.Model.Vision.Stages = []clip.Stage{{Channels: 32, Blocks: 0}, {Channels: 64, Blocks: 1}, {Channels: 128, Blocks: 1}, {Channels: 256, Blocks: 1}}
	c.Train.Optimizer.LR, c.Train.Optimizer.WeightDecay = 2e-3, 0.1
	if form == experiments.Quick {
		c.Data, c.Limit, c.Dev, c.Merges, c.BatchSize, c.Attribute, c.Model = "scenes", 1000, 200, 200, 64, "", clip.Tiny(0)
		c.Model.Text.ContextLength = 24 // the prompts are longer than the captions
		c.LeastClass, c.KeepWords, c.Train.Average, c.Train.Optimizer.LR = 1, [2]float64{0.8, 1}, 0.9, 4e-3
		c.Augment.Scale[0], c.Augment.Flip = 0.8, 0
		c.Train.Steps, c.Train.EvalEvery, c.Train.Optimizer.WarmupSteps = 60, 30, 5
	}
	return c
}

// masks says whether texts that would be right for other pictures too are left out of the loss.
func (c ProductsConfig) masks() bool { return c.Mask && c.Loss != clip.SigLIPLoss }

// productData are the pictures of a run.
type productData struct {
	train, dev, val datasets.Dataset
	pictures        []*picture.RGB // of train, as they are
	counted         map[string]int // pictures of each class in val
}

func trainProducts(ctx context.Context, env *experiments.Env, cfg ProductsConfig) (experiments.Result, error) {
	var result experiments.Result
	begun := time.Now()
	p, err := OpenTitled(ctx, env, cfg)
	if err != nil {
		return result, err
	}
	data := p.data
	report := &Report{Data: cfg.Data, Training: data.train.Len(), Dev: data.dev.Len(), HeldOut: data.val.Len(), Prepared: time.Since(begun).Seconds()}
	m, err := p.New(env)
	if err != nil {
		return result, err
	}
	watch, err := Watch(env, "clip/products")
	if err != nil {
		return result, err
	}
	if report.Trained, result.Remarks, err = p.Fit(ctx, env, "clip/products", m, watch); err != nil {
		return result, err
	}
	if err := m.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	b := env.Backend.Backend
	if report.OnDev, err = data.evaluate(ctx, b, m, data.dev, cfg); err != nil {
		return result, err
	}
	if cfg.Final {
		env.Say("clip/products: evaluating on %d held-out pictures", data.val.Len())
		if report.OnHeldOut, err = data.evaluate(ctx, b, m, data.val, cfg); err != nil {
			return result, err
		}
	}
	report.Processor, report.PeakMemory = env.Usage()
	result.Metrics = report.metrics()
	if err := env.Run.WriteJSON(ReportFile, report); err != nil {
		return result, err
	}
	return result, draw(env.Run, report, cfg.BatchSize, cfg.Loss)
}

// Check says what is wrong with the settings, if anything is that needs no data to be seen.
func (c ProductsConfig) Check() error {
	if err := c.Loss.Check(); err != nil {
		return err
	}
	if err := c.Augment.Check(); err != nil {
		return fmt.Errorf("augment.%w", err)
	}
	if k := c.KeepWords; !(k[0] >= 0 && k[0] <= k[1] && k[1] <= 1) {
		return fmt.Errorf("keep_words: expected two shares between 0 and 1, the smaller first, found %v", k)
	}
	if c.Freeze != "" && c.Freeze != "visual" && c.Freeze != "text" {
		return fmt.Errorf("freeze: expected visual, text or nothing, found %q", c.Freeze)
	}
	if c.Freeze != "" && c.Init == "" {
		return fmt.Errorf("freeze: expected a trained tower to keep as it is; name a model with init")
	}
	if c.Dev < 1 {
		return fmt.Errorf("dev: expected 1 to the number of training pictures, found %d", c.Dev)
	}
	return nil
}

// openProducts opens the data. The same pictures are set apart whatever the seed.
func openProducts(ctx context.Context, env *experiments.Env, cfg ProductsConfig) (*productData, error) {
	all, err := openSplit(env, cfg.Data, "train")
	if err != nil {
		return nil, err
	}
	if cfg.Limit > 0 {
		all = datasets.Limit(all, cfg.Limit)
	}
	if cfg.Dev < 1 || cfg.Dev >= all.Len() {
		return nil, fmt.Errorf("dev: expected 1 to %d of the %d training pictures, found %d", all.Len()-1, all.Len(), cfg.Dev)
	}
	order := rand.New(rand.NewPCG(600, 1)).Perm(all.Len())
	d := &productData{counted: map[string]int{}}
	if d.dev, err = datasets.Subset(all, order[:cfg.Dev]); err != nil {
		return nil, err
	}
	if d.train, err = datasets.Subset(all, order[cfg.Dev:]); err != nil {
		return nil, err
	}
	split := "val"
	if cfg.Data == "scenes" {
		split = "test"
	}
	if d.val, err = openSplit(env, cfg.Data, split); err != nil {
		return nil, err
	}
	class := evaluate.ByAttribute(cfg.Attribute)
	for i := range d.val.Len() {
		d.counted[class(d.val.At(i))]++
	}
	pictures, errs := parallel.Map(ctx, d.train.Len(), func(i int) (*picture.RGB, error) { return asItIs(d.train.At(i)) })
	for i, p := range pictures {
		if errs[i] != nil || len(d.train.At(i).Captions) == 0 {
			return nil, fmt.Errorf("expected a picture and a title, found neither whole for %s: %w", d.train.At(i).ID, errs[i])
		}
		d.pictures = append(d.pictures, p)
	}
	return d, ctx.Err()
}

// asItIs is a picture in its own size.
func asItIs(example datasets.Example) (*picture.RGB, error) {
	img, err := example.Open()
	if err != nil {
		return nil, err
	}
	size := img.Bounds().Size()
	return picture.ResizeCrop(img, size.X, size.Y, image.Rect(0, 0, size.X, size.Y), picture.Bicubic)
}

// evaluate measures retrieval of titles, and the zero-shot classification into the classes that are common in val.
func (d *productData) evaluate(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, cfg ProductsConfig) (*Figures, error) {
	e, err := evaluate.Embed(ctx, b, m, set, nil)
	if err != nil {
		return nil, err
	}
	class := d.class(cfg)
	found := &Figures{Retrieval: e.Retrieve()}
	if found.ZeroShot, err = e.Classify(b, m, class, evaluate.Names, evaluate.ProductTemplates(), 1); err != nil {
		return nil, err
	}
	if found.ByTitles, err = voteByTitles(b, m, e, texts(d.train), found.ZeroShot.Classes, class); err != nil {
		return nil, err
	}
	return found, found.measureRanks(e)
}
