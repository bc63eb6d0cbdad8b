package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// captionMetrics is what `glimpse metrics captions --json` prints.
type captionMetrics struct {
	*metrics.Evaluation
	Intervals   map[string]stats.Mean `json:"intervals,omitempty"`   // with --bootstrap
	Explanation *metrics.Explanation  `json:"explanation,omitempty"` // with --explain
}

// captionScoring is how captions are to be scored.
type captionScoring struct {
	input     string
	raw       bool
	data      evalData // whose captions are the references, for an input that has none
	asJSON    bool
	explain   string // the image_id of the picture to explain, "" for none
	resamples int    // 0 for no intervals
}

func metricsCaptionsCommand() *cobra.Command {
	var s captionScoring
	cmd := &cobra.Command{
		Use:   "captions --input F.json",
		Short: "BLEU, ROUGE-L, CIDEr-D and a METEOR-like score of captions",
		Long: `Captions scores captions against what people wrote of the same pictures. The input is a JSON list of pictures:

  [{"image_id": 7, "candidate": "a dog runs", "references": ["a dog is running", "the dog runs fast"]}, ...]

Texts are tokenised: words in lower case with blanks between. With --raw the fields candidate_raw and references_raw
are taken and tokenised first, in the way of coco-caption.

With --data the input is in the format in which coco-caption takes results, as glimpse eval captions --out writes it:

  [{"image_id": "photo.jpg", "caption": "A dog runs."}, ...]

The references are then people's captions of the same pictures in the data set, and all texts are tokenised first.
image_id is the name of the picture there, or COCO's number. Pictures of the data set that have no caption in the input
are not scored.

  Bleu_1..4     clipped n-gram precision of the corpus, penalty for short captions (Papineni et al. 2002)
  ROUGE_L       longest common subsequence, mean over pictures (Lin 2004)
  CIDEr         CIDEr-D, 0 to 10, document frequencies of this set's references (Vedantam et al. 2015)
  METEOR_like   METEOR 1.5's formula on equal words and stems, without synonyms and paraphrases: it is lower than METEOR

All but METEOR_like equal coco-caption's figures. Intervals are percentile bootstraps over pictures, with a fixed seed.`,
		Example: examples(
			"glimpse metrics captions --input captions.json --raw --bootstrap 1000",
			"glimpse metrics captions --input captions.json --explain 400",
			"glimpse metrics captions --input results.json --data flickr8k --split test --bootstrap 1000",
			"glimpse metrics captions --input captions.json --json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "input"); err != nil {
				return err
			}
			if few, many := metrics.FewestResamples, metrics.MostResamples; cmd.Flags().Changed("bootstrap") && (s.resamples < few || s.resamples > many) {
				return usagef(cmd, "expected --bootstrap to be %d to %d, found %d", few, many, s.resamples)
			}
			if s.data.dir == "" && (cmd.Flags().Changed("split") || cmd.Flags().Changed("limit")) {
				return usagef(cmd, "expected --split and --limit together with --data, found them alone")
			}
			if s.data.dir != "" && s.raw {
				return usagef(cmd, "expected --data or --raw, found both; with --data texts are tokenised anyway")
			}
			result, remarks, err := s.score(cmd)
			if err != nil {
				return err
			}
			printFew(cmd.ErrOrStderr(), remarks)
			if s.asJSON {
				return printJSON(cmd.OutOrStdout(), result)
			}
			return result.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&s.input, "input", "", "JSON `file` to read")
	cmd.Flags().BoolVar(&s.raw, "raw", false, "tokenise candidate_raw and references_raw first")
	s.data.add(cmd)
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "print one JSON object with the scores of the corpus and of every picture")
	cmd.Flags().StringVar(&s.explain, "explain", "", "say which n-grams of the picture with this `image_id` were credited")
	cmd.Flags().IntVar(&s.resamples, "bootstrap", 0, "add 95% intervals from so many `resamples`")
	return cmd
}

func (s captionScoring) score(cmd *cobra.Command) (result *captionMetrics, remarks []string, err error) {
	var pictures []metrics.Picture
	if s.data.dir == "" {
		pictures, err = s.read()
	} else {
		pictures, remarks, err = s.readResults(cmd)
	}
	if err != nil {
		return nil, nil, err
	}
	frequencies := metrics.CountDocuments(metrics.References(pictures))
	result = &captionMetrics{}
	if result.Evaluation, err = metrics.EvaluateWith(frequencies, pictures); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.input, err)
	}
	if s.resamples > 0 {
		if result.Intervals, err = result.Bootstrap(s.resamples, 1); err != nil {
			return nil, nil, err
		}
	}
	if s.explain != "" {
		if result.Explanation, err = explainPicture(frequencies, pictures, s.explain); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.input, err)
		}
	}
	return result, append(remarks, wordlessRemarks(pictures)...), nil
}

// read reads captions that have their references beside them.
func (s captionScoring) read() ([]metrics.Picture, error) {
	file, err := os.Open(s.input)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	pictures, err := metrics.Read(file, s.raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.input, err)
	}
	return pictures, nil
}

// readResults reads captions whose references are in a data set.
func (s captionScoring) readResults(cmd *cobra.Command) (pictures []metrics.Picture, remarks []string, err error) {
	file, err := os.Open(s.input)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	results, err := metrics.ReadResults(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.input, err)
	}
	set, err := s.data.open(cmd)
	if err != nil {
		return nil, nil, err
	}
	places := map[metrics.ID]int{}
	for i := range set.Len() {
		places[captioner.ImageID(set.At(i))] = i
	}
	for _, r := range results {
		i, ok := places[r.ID]
		if !ok {
			return nil, nil, fmt.Errorf("%s: expected image_ids of pictures of %s, found %s; choose its part with --split", s.input, set.Name(), r.ID)
		}
		p := captioner.Picture(set.At(i), r.Caption)
		if len(p.References) == 0 {
			return nil, nil, fmt.Errorf("%s: expected a caption of %s in %s to score against, found none", s.input, r.ID, set.Name())
		}
		pictures = append(pictures, p)
	}
	if n := set.Len() - len(results); n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d of the %d pictures of %s have no caption in %s and are not scored", n, set.Len(), set.Name(), s.input))
	}
	return pictures, remarks, nil
}

// wordlessRemarks say which pictures have texts that hold no word. They are scored as they are.
func wordlessRemarks(pictures []metrics.Picture) (remarks []string) {
	var candidates, references []string
	for _, p := range pictures {
		if strings.TrimSpace(p.Candidate) == "" {
			candidates = append(candidates, p.ID.String())
		}
		if p.Wordless() > 0 {
			references = append(references, p.ID.String())
		}
	}
	if n := len(candidates); n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d pictures have a candidate without a word, which scores 0: %s", n, firstNames(candidates)))
	}
	if n := len(references); n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d pictures have references without a word, which count as empty ones: %s", n, firstNames(references)))
	}
	return remarks
}

// firstNames are the first of many names.
func firstNames(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func explainPicture(frequencies *metrics.DocumentFrequencies, pictures []metrics.Picture, id string) (*metrics.Explanation, error) {
	for _, p := range pictures {
		if p.ID.String() == id {
			return metrics.Explain(frequencies, p)
		}
	}
	return nil, fmt.Errorf("expected --explain to be one of its image_ids, such as %s, found %q", pictures[0].ID, id)
}

// print writes the scores of the corpus as a table, then the explanation.
func (m *captionMetrics) print(w io.Writer) error {
	err := printTable(w, func(table io.Writer) {
		heading := fmt.Sprintf("%d pictures\tscore", len(m.PerImage))
		if m.Intervals != nil {
			heading += "\t95% interval"
		}
		fmt.Fprintln(table, heading)
		for _, s := range m.Corpus.List() {
			line := fmt.Sprintf("%s\t%.4f", s.Name, s.Value)
			if i, ok := m.Intervals[s.Name]; ok {
				line += fmt.Sprintf("\t%.4f to %.4f", i.Low, i.High)
			}
			fmt.Fprintln(table, line)
		}
	})
	if err != nil || m.Explanation == nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", strings.TrimRight(m.Explanation.String(), "\n"))
	return err
}
