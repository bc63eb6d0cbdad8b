package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

func evalCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "eval",
		Short: "Measure a trained model on held-out pictures",
		Long: `Eval measures a trained model on a data set: folders of classes, pictures with captions, Flickr8k, COCO captions,
webdataset shards or CIFAR-10's binary files. Every figure comes with its number of examples and a 95% interval.`,
		Example: examples(
			"glimpse eval zeroshot --model runs/longer --data ../shared/data/fashion-products --split val",
			"glimpse eval retrieval --model runs/longer --data ../shared/data/flickr8k",
			"glimpse eval captions --model runs/captioner --data ../shared/data/flickr8k"),
	}, evalZeroShotCommand(), evalRetrievalCommand(), evalCaptionsCommand())
}

// evaluation is what every command of eval needs.
type evaluation struct {
	model  string
	data   evalData
	asJSON bool
}

func (e *evaluation) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.model, "model", "", "`folder` of the model, or of the run that trained it")
	e.data.add(cmd)
	cmd.Flags().BoolVar(&e.asJSON, "json", false, "print one JSON object")
}

// measured is what every JSON of eval says first.
type measured struct {
	Model string `json:"model"`
	Data  string `json:"data"`
}

// embed loads the CLIP model and embeds the data set, if check finds that it is of use.
func (e *evaluation) embed(cmd *cobra.Command, b *backend.Backend, check func(datasets.Dataset) error) (*clip.Model, *evaluate.Embedded, measured, error) {
	m, err := openCLIP(e.model)
	if err != nil {
		return nil, nil, measured{}, err
	}
	set, err := e.data.open(cmd)
	if err != nil {
		return nil, nil, measured{}, err
	}
	if err := check(set); err != nil {
		return nil, nil, measured{}, fmt.Errorf("%s: %w", set.Name(), err)
	}
	bar := progress.New(cmd.ErrOrStderr(), "embedding "+set.Name(), int64(set.Len()), progress.Options{})
	defer bar.Done()
	embedded, err := evaluate.Embed(cmd.Context(), b.Backend, m, set, func(n int) { bar.Set(int64(n)) })
	if err != nil {
		return nil, nil, measured{}, err
	}
	bar.Done()
	printFew(cmd.ErrOrStderr(), embedded.Problems)
	return m, embedded, measured{e.model, set.Name()}, nil
}

// zeroShotReport is what `glimpse eval zeroshot --json` prints.
type zeroShotReport struct {
	measured
	Attribute string   `json:"attribute"` // whose values are the classes; "" for labels
	Templates []string `json:"templates"`
	*evaluate.ZeroShot
	N        int      `json:"n"`
	Problems []string `json:"problems"` // pictures that could not be read
}

func evalZeroShotCommand() *cobra.Command {
	var e evaluation
	var attribute string
	var least int
	var templates []string
	cmd := &cobra.Command{
		Use:   "zeroshot --model DIR --data DIR",
		Short: "Classify pictures by the names of the classes alone",
		Long: `Zeroshot classifies pictures with a CLIP by the names of the classes alone (Radford et al. 2021, section 3.1). The
classes are the labels of the pictures (the names of their folders) or, with --attribute or where there are no labels,
the values of an attribute. Chance is one over the number of classes; majority is the share of the commonest class.`,
		Example: examples(
			"glimpse eval zeroshot --model runs/clip --data ../shared/data/cifar10",
			"glimpse eval zeroshot --model runs/clip --data products --attribute baseColour --least 20 --json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			if least < 1 {
				return usagef(cmd, "expected --least to be 1 or more, found %d", least)
			}
			if err := checkTemplates(cmd, templates); err != nil {
				return err
			}
			return evalZeroShot(cmd, e, attribute, least, templates)
		},
	}
	e.add(cmd)
	cmd.Flags().StringVar(&attribute, "attribute", "", "take the values of the attribute `name` as classes (default: the labels, else articleType)")
	cmd.Flags().IntVar(&least, "least", 1, "leave out classes with fewer than `n` pictures")
	cmd.Flags().StringArrayVar(&templates, "template", nil, "a `prompt` in which {} stands for the class; may be repeated")
	return cmd
}

// checkTemplates finds templates that have no place for the name.
func checkTemplates(cmd *cobra.Command, templates []string) error {
	for _, t := range templates {
		if !strings.Contains(t, "{}") {
			return usagef(cmd, `expected a template with {} in it, such as "a photo of a {}", found %q`, t)
		}
	}
	return nil
}

func evalZeroShot(cmd *cobra.Command, e evaluation, attribute string, least int, templates []string) error {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, embedded, what, err := e.embed(cmd, b, func(set datasets.Dataset) (err error) {
		attribute, err = chooseClass(set, attribute)
		return err
	})
	if err != nil {
		return err
	}
	if len(templates) == 0 {
		templates = clip.DefaultTemplates()
		if attribute == productAttribute {
			templates = evaluate.ProductTemplates()
		}
	}
	accuracy, err := embedded.Classify(b.Backend, m, evaluate.ByAttribute(attribute), classNames, templates, least)
	if err != nil {
		return fmt.Errorf("%s: %w", what.Data, err)
	}
	if e.asJSON {
		return printJSON(cmd.OutOrStdout(), zeroShotReport{what, attribute, templates, accuracy, accuracy.Top1.N, append([]string{}, embedded.Problems...)})
	}
	by := "label"
	if attribute != "" {
		by = attribute
	}
	fmt.Fprintf(cmd.OutOrStdout(), "zero-shot on %s, %d classes by %s, %d pictures (%d left out)\n\n",
		what.Data, len(accuracy.Classes), by, accuracy.Top1.N, accuracy.LeftOut)
	shares := map[string]stats.Proportion{"top1": accuracy.Top1}
	if len(accuracy.Classes) > 5 {
		shares["top5"] = accuracy.Top5
	}
	return printMetrics(cmd.OutOrStdout(), metricsOf(shares, map[string]stats.Mean{"mean_per_class": accuracy.MeanPerClass},
		map[string]float64{"chance": accuracy.Chance, "majority": accuracy.Majority}))
}

// productAttribute is what the lab's products are classified by unless another is named.
const productAttribute = "articleType"

// chooseClass is the attribute whose values are the classes, "" for labels.
func chooseClass(set datasets.Dataset, asked string) (string, error) {
	known := map[string]bool{}
	labels := false
	for i := range set.Len() {
		e := set.At(i)
		labels = labels || e.Label != ""
		for name := range e.Attributes {
			known[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(known))
	switch {
	case asked != "" && known[asked]:
		return asked, nil
	case asked != "" && len(names) == 0:
		return "", fmt.Errorf("expected pictures with the attribute %q, found none with any attribute; leave --attribute out to take labels", asked)
	case asked != "":
		return "", fmt.Errorf("expected pictures with the attribute %q, found the attributes %s%s", asked, strings.Join(names, ", "), didYouMean("", asked, names))
	case labels:
		return "", nil
	case known[productAttribute]:
		return productAttribute, nil
	case len(names) > 0:
		return "", fmt.Errorf("expected pictures with labels, found some with the attributes %s; choose one with --attribute", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("expected pictures with labels or attributes to classify by, found captions alone; try `glimpse eval retrieval`")
}

// classNames are the ways to write a class in a prompt; the names of folders often have underscores for spaces.
func classNames(class string) []string { return evaluate.Names(strings.ReplaceAll(class, "_", " ")) }

// retrievalReport is what `glimpse eval retrieval --json` prints.
type retrievalReport struct {
	measured
	Images      int                         `json:"images"`
	Texts       int                         `json:"texts"`
	ImageToText map[string]stats.Proportion `json:"image_to_text"` // recall@k
	TextToImage map[string]stats.Proportion `json:"text_to_image"`
	Chance      map[string]float64          `json:"chance"`   // of finding the picture of a text, recall@k
	Problems    []string                    `json:"problems"` // pictures that could not be read
}

func evalRetrievalCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "retrieval --model DIR --data DIR",
		Short: "Find the text of a picture and the picture of a text",
		Long: `Retrieval ranks all texts of a data set by their similarity to each picture, and all pictures by their similarity
to each text. recall@k from picture to text is the share of pictures with one of their texts among the first k;
from text to picture it is the share of texts with their picture among the first k. Of equal similarities the one
that comes first in the data set wins. It is the harder the more pictures there are: compare figures of equal n.`,
		Example: examples(
			"glimpse eval retrieval --model runs/clip --data ../shared/data/flickr8k",
			"glimpse eval retrieval --model runs/clip --data products --limit 1000 --json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			return evalRetrieval(cmd, e)
		},
	}
	e.add(cmd)
	return cmd
}

// checkCaptions sees to it that every picture can be found by a text.
func checkCaptions(set datasets.Dataset) error {
	for i := range set.Len() {
		if e := set.At(i); len(e.Captions) == 0 {
			return fmt.Errorf("expected every picture to have a text, found that %s has none; `glimpse eval zeroshot` takes labels", e.ID)
		}
	}
	return nil
}

func evalRetrieval(cmd *cobra.Command, e evaluation) error {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	_, embedded, what, err := e.embed(cmd, b, checkCaptions)
	if err != nil {
		return err
	}
	found := embedded.Retrieve()
	report := retrievalReport{measured: what, Images: found.Images, Texts: found.Texts, Problems: append([]string{}, embedded.Problems...),
		ImageToText: map[string]stats.Proportion{}, TextToImage: map[string]stats.Proportion{}, Chance: map[string]float64{}}
	shares := map[string]stats.Proportion{}
	for _, k := range evaluate.RecallAt() {
		name := fmt.Sprintf("recall@%d", k)
		report.ImageToText[name], report.TextToImage[name] = found.ImageToText[k], found.TextToImage[k]
		report.Chance[name] = min(float64(k)/float64(found.Images), 1)
		shares["image_to_text_"+name], shares["text_to_image_"+name] = found.ImageToText[k], found.TextToImage[k]
	}
	if e.asJSON {
		return printJSON(cmd.OutOrStdout(), report)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "retrieval on %s, %d pictures and %d texts; chance of a text to find its picture first: %s\n\n",
		what.Data, found.Images, found.Texts, number(report.Chance["recall@1"]))
	return printMetrics(cmd.OutOrStdout(), metricsOf(shares, nil, nil))
}
