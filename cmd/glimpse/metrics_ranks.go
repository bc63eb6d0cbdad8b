package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
)

// classificationMetrics is a case of `glimpse metrics classification --json`.
type classificationMetrics struct {
	Case         any        `json:"case"`
	N            int        `json:"N"`
	C            int        `json:"C"`
	Ties         bool       `json:"ties"` // whether an example gives two classes one score
	Summary      byRule     `json:"summary"`
	PerClass     []*float64 `json:"per_class_accuracy"` // null for classes without examples
	MeanPerClass float64    `json:"mean_per_class_accuracy"`
	Ranks        [][]int    `json:"ranks"`     // [N][3]: optimistic, pessimistic, index
	Predicted    []int      `json:"predicted"` // the first largest score
	Confusion    [][]int    `json:"confusion"` // [C true][C predicted]
}

func metricsClassificationCommand() *cobra.Command {
	var in metricsInput
	return in.command(&cobra.Command{
		Use:   "classification --input F.safetensors",
		Short: "Top-k accuracy, accuracy of each class and their mean, confusion matrix",
		Long: `Classification takes scores [N, C] (float32) and labels [N] (int32, 0 to C-1), and says how often the label is
among the first k classes (at_1 and at_5 are top-1 and top-5 accuracy), how often for each class, and what is taken
for what. The accuracies of classes count the first largest score; a class without examples has none (null in the
JSON) and does not count in their mean. The JSON also holds every rank, every prediction and the confusion matrix.`,
		Example: examples("glimpse metrics classification --input scores.safetensors --json"),
	}, []string{"scores", "labels"}, measureClassification)
}

func measureClassification(c *metricsCase) (metricsResult, error) {
	scores, err := c.matrix("scores", "N", "C")
	if err != nil {
		return nil, err
	}
	classes := len(scores[0])
	labels, err := c.indices("labels", len(scores), classes, "example")
	if err != nil {
		return nil, err
	}
	m := &classificationMetrics{Case: c.id(), N: len(scores), C: classes, Ties: hasTies(scores), Predicted: clip.Predicted(scores)}
	m.Ranks, m.Summary = rankings(scores, func(example, class int) bool { return labels[example] == class }, []int{1, 5})
	m.Confusion = clip.Confusion(labels, m.Predicted, classes)
	m.PerClass = make([]*float64, classes)
	sum, n := 0.0, 0
	for class, row := range m.Confusion {
		total := 0
		for _, count := range row {
			total += count
		}
		if total > 0 {
			share := float64(row[class]) / float64(total)
			m.PerClass[class] = &share
			sum += share
			n++
		}
	}
	m.MeanPerClass = sum / float64(n)
	return m, nil
}

func (m *classificationMetrics) print(table io.Writer) {
	m.Summary.print(table, fmt.Sprintf("%d examples, %d classes", m.N, m.C))
	fmt.Fprintf(table, "mean_per_class_accuracy\t%s\n", number(m.MeanPerClass))
}

// retrievalMetrics is a case of `glimpse metrics retrieval --json`.
type retrievalMetrics struct {
	Case        any                `json:"case"`
	Images      int                `json:"images"`
	Texts       int                `json:"texts"`
	Ties        bool               `json:"ties"` // whether a picture has one similarity to two texts, or a text to two pictures
	ImageToText byRule             `json:"image_to_text"`
	TextToImage byRule             `json:"text_to_image"`
	Found       map[string]float64 `json:"fraction_of_captions_found_index_rule"`
	RanksToText [][]int            `json:"ranks_image_to_text"` // [images][3]: optimistic, pessimistic, index
	RanksToPic  [][]int            `json:"ranks_text_to_image"` // [texts][3]
}

func metricsRetrievalCommand() *cobra.Command {
	var in metricsInput
	return in.command(&cobra.Command{
		Use:   "retrieval --input F.safetensors",
		Short: "Recall@k, median rank and mean reciprocal rank, pictures to texts and back",
		Long: `Retrieval takes similarity [images, texts] (float32) and caption_owner [texts] (int32), the picture of each text;
a picture may have several. From picture to text its best text counts: at_k is recall@k, the share of pictures with
one of their texts among the first k. fraction_of_captions_found is the mean share of a picture's texts there.`,
		Example: examples("glimpse metrics retrieval --input similarity.safetensors --json"),
	}, []string{"similarity", "caption_owner"}, measureRetrieval)
}

func measureRetrieval(c *metricsCase) (metricsResult, error) {
	similarity, err := c.matrix("similarity", "images", "texts")
	if err != nil {
		return nil, err
	}
	texts := len(similarity[0])
	owner, err := c.indices("caption_owner", texts, len(similarity), "text")
	if err != nil {
		return nil, err
	}
	count := make([]int, len(similarity))
	for _, image := range owner {
		count[image]++
	}
	for image, n := range count {
		if n == 0 {
			return nil, fmt.Errorf("expected every picture to have a text, found none with the caption_owner %d", image)
		}
	}
	back := make([][]float32, texts)
	for t := range back {
		for _, row := range similarity {
			back[t] = append(back[t], row[t])
		}
	}
	m := &retrievalMetrics{Case: c.id(), Images: len(similarity), Texts: texts, Ties: hasTies(similarity) || hasTies(back), Found: map[string]float64{}}
	at := []int{1, 5, 10}
	m.RanksToText, m.ImageToText = rankings(similarity, func(image, text int) bool { return owner[text] == image }, at)
	m.RanksToPic, m.TextToImage = rankings(back, func(text, image int) bool { return owner[text] == image }, at)
	for _, k := range at {
		m.Found[fmt.Sprintf("at_%d", k)] = clip.FoundAtK(similarity, owner, k)
	}
	return m, nil
}

func (m *retrievalMetrics) print(table io.Writer) {
	m.ImageToText.print(table, fmt.Sprintf("%d pictures to %d texts", m.Images, m.Texts))
	for _, name := range []string{"at_1", "at_5", "at_10"} {
		fmt.Fprintf(table, "captions_found_%s\t\t\t%s\n", name, number(m.Found[name]))
	}
	m.TextToImage.print(table, fmt.Sprintf("%d texts to %d pictures", m.Texts, m.Images))
}
