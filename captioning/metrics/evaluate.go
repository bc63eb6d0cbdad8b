package metrics

import "fmt"

// Scores are the figures of a caption or of a corpus, under coco-caption's names.
type Scores struct {
	Bleu1      float64 `json:"Bleu_1"` // 0 to 1
	Bleu2      float64 `json:"Bleu_2"`
	Bleu3      float64 `json:"Bleu_3"`
	Bleu4      float64 `json:"Bleu_4"`
	ROUGEL     float64 `json:"ROUGE_L"`     // 0 to 1
	CIDEr      float64 `json:"CIDEr"`       // CIDEr-D, 0 to 10
	METEORLike float64 `json:"METEOR_like"` // 0 to 1; see [METEORCounts]
}

// Score is a figure with its name.
type Score struct {
	Name  string
	Value float64
}

// List is the scores in the order of the fields, under their names in JSON.
func (s Scores) List() []Score {
	return []Score{{"Bleu_1", s.Bleu1}, {"Bleu_2", s.Bleu2}, {"Bleu_3", s.Bleu3}, {"Bleu_4", s.Bleu4},
		{"ROUGE_L", s.ROUGEL}, {"CIDEr", s.CIDEr}, {"METEOR_like", s.METEORLike}}
}

// PictureScores are the scores of one caption. Its BLEU is that of a corpus of one; CIDEr-D takes the document
// frequencies of the whole set.
type PictureScores struct {
	ID ID `json:"image_id"`
	Scores
}

// Evaluation is what a set of captions scored.
type Evaluation struct {
	Corpus   Scores          `json:"corpus"`
	PerImage []PictureScores `json:"per_image"` // in the order of the pictures
	parts    []parts
}

// parts are what one picture contributes to the scores of a corpus.
type parts struct {
	bleu   BLEUCounts
	meteor METEORCounts
	rouge  float64
	cider  float64
}

func (p parts) plus(o parts) parts {
	return parts{p.bleu.Plus(o.bleu), p.meteor.Plus(o.meteor), p.rouge + o.rouge, p.cider + o.cider}
}

// scores are those of a corpus of n pictures whose parts were summed: ROUGE-L and CIDEr-D are means.
func (p parts) scores(n int) Scores {
	b := p.bleu.Scores()
	return Scores{b[0], b[1], b[2], b[3], p.rouge / float64(n), p.cider / float64(n), p.meteor.Score()}
}

// Evaluate scores the captions of a set of pictures. The document frequencies of CIDEr-D are those of the pictures' own
// references, as in coco-caption; so CIDEr-D changes with the set, and is 0 for a set of one picture. It gives an error
// when there are no pictures or one has no references.
func Evaluate(pictures []Picture) (*Evaluation, error) {
	if err := checkPictures(pictures); err != nil {
		return nil, err
	}
	return EvaluateWith(CountDocuments(References(pictures)), pictures)
}

// EvaluateWith is [Evaluate] with the document frequencies of another set, such as the training captions.
func EvaluateWith(frequencies *DocumentFrequencies, pictures []Picture) (*Evaluation, error) {
	if err := checkPictures(pictures); err != nil {
		return nil, err
	}
	e := &Evaluation{}
	var sum parts
	for _, p := range pictures {
		one := parts{
			bleu:   CountBLEU(p.Candidate, p.References),
			meteor: CountMETEOR(p.Candidate, p.References),
			rouge:  ROUGEL(p.Candidate, p.References),
			cider:  frequencies.Target(p.References).CIDEr(p.Candidate),
		}
		e.parts = append(e.parts, one)
		e.PerImage = append(e.PerImage, PictureScores{p.ID, one.scores(1)})
		sum = sum.plus(one)
	}
	e.Corpus = sum.scores(len(pictures))
	return e, nil
}

// Of is the scores of one picture.
func (e *Evaluation) Of(id ID) (PictureScores, error) {
	for _, p := range e.PerImage {
		if p.ID == id {
			return p, nil
		}
	}
	return PictureScores{}, fmt.Errorf("expected a picture with image_id %s, found none among %d", id, len(e.PerImage))
}
