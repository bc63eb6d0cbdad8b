package judging

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// SearchConfig says how texts are searched that CLIP likes best.
type SearchConfig struct {
	Scenes int `json:"scenes"`
	Words  int `json:"words"`  // of a text, at most
	Passes int `json:"passes"` // over its words, in which each is exchanged for the best one
	List   int `json:"list"`   // captions of other scenes, among which a true one is to be found
}

// Searched is what CLIP likes best.
type Searched struct {
	Own   stats.Mean `json:"own"`   // cosine of a scene with the best of its own captions
	Climb stats.Mean `json:"climb"` // and with the text that was found word by word

	Above    stats.Proportion `json:"above"`    // texts that are liked better than each of the scene's own captions
	Language stats.Proportion `json:"language"` // that are sentences of the grammar
	True     stats.Proportion `json:"true"`     // that are true

	Listed     stats.Proportion `json:"listed"`      // scenes whose true caption is liked best of a list of false ones
	WithTrue   stats.Mean       `json:"with_true"`   // cosine of the best of the list, the true one among them
	WithoutAny stats.Mean       `json:"without_any"` // and without it

	First []Climbed `json:"first"`
}

// Climbed is a text that was found word by word.
type Climbed struct {
	Scene     int     `json:"scene"`
	Own       string  `json:"own"` // the best of the scene's own captions
	OwnCosine float64 `json:"own_cosine"`
	Text      string  `json:"text"`
	Cosine    float64 `json:"cosine"`
	Language  bool    `json:"language"`
	True      bool    `json:"true"`
}

// searchWords searches, for each scene, the text of the captions' words that CLIP likes best, and the best of lists.
func (c Config) searchWords(ctx context.Context, j *scorer) (found Searched, err error) {
	set, err := c.CLIP.Scenes(scenes.Test, testSeed, c.Search.Scenes)
	if err != nil {
		return found, err
	}
	bar := progress.New(j.env.Messages, "searching words", int64(c.Search.Scenes), progress.Options{})
	defer bar.Done()
	var all []Climbed
	for i := range c.Search.Scenes {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		scene := set.Scene(i)
		eyes, err := j.pictures([]scenes.Scene{scene})
		if err != nil {
			return found, err
		}
		s := Climbed{Scene: i}
		if s.Own, s.OwnCosine, err = j.likes(eyes[0], scene.Captions()); err != nil {
			return found, err
		}
		if s.Text, s.Cosine, err = c.Search.climb(func(texts []string) (string, float64, error) { return j.likes(eyes[0], texts) }); err != nil {
			return found, err
		}
		holds, err := scene.True(s.Text)
		s.Language, s.True = err == nil, err == nil && holds
		all = append(all, s)
		bar.Add(1)
	}
	found.count(all)
	return found, c.searchLists(j, set, &found)
}

func (r *Searched) count(all []Climbed) {
	var own, climbed []float64
	above, language, right := 0, 0, 0
	for _, s := range all {
		own, climbed = append(own, s.OwnCosine), append(climbed, s.Cosine)
		for counter, is := range map[*int]bool{&above: s.Cosine > s.OwnCosine, &language: s.Language, &right: s.True} {
			if is {
				*counter++
			}
		}
	}
	r.Own, r.Climb, r.First = stats.NewMean(own), stats.NewMean(climbed), all[:Shown]
	r.Above, r.Language, r.True = stats.NewProportion(above, len(all)), stats.NewProportion(language, len(all)), stats.NewProportion(right, len(all))
}

// likes is the text that a picture's embedding is nearest to, the first of equals, with its cosine.
func (j *scorer) likes(eye []float32, texts []string) (string, float64, error) {
	words, err := j.texts(texts)
	if err != nil {
		return "", 0, err
	}
	at, most := 0, cosine(eye, words[0])
	for i, w := range words {
		if s := cosine(eye, w); s > most {
			at, most = i, s
		}
	}
	return texts[at], most, nil
}

// climb looks for the text that is liked best: words are put behind the others while that helps, and then each is exchanged for the best one.
func (c SearchConfig) climb(likes func(texts []string) (string, float64, error)) (text string, score float64, err error) {
	vocabulary := slices.DeleteFunc(scenes.Words(), func(w string) bool { return w == "," })
	score = -2
	for range c.Words {
		var longer []string
		for _, w := range vocabulary {
			longer = append(longer, strings.TrimSpace(text+" "+w))
		}
		next, s, err := likes(longer)
		if err != nil {
			return text, score, err
		}
		if s <= score {
			break
		}
		text, score = next, s
	}
	for range c.Passes {
		before := score
		for i := range strings.Fields(text) {
			var others []string
			for _, w := range vocabulary {
				words := strings.Fields(text)
				words[i] = w
				others = append(others, strings.Join(words, " "))
			}
			next, s, err := likes(others)
			if err != nil {
				return text, score, err
			}
			if s > score {
				text, score = next, s
			}
		}
		if score == before {
			break
		}
	}
	return text, score, nil
}

// searchLists has a true caption found in a list of false ones, and the best taken where there is no true one.
func (c Config) searchLists(j *scorer, set *scenes.Scenes, found *Searched) error {
	rng := rand.New(rand.NewPCG(testSeed, 5))
	others, err := c.CLIP.Scenes(scenes.Test, testSeed+1, 20*c.Search.List)
	if err != nil {
		return err
	}
	var with, without []float64
	right := 0
	for i := range c.Search.Scenes {
		scene := set.Scene(i)
		eyes, err := j.pictures([]scenes.Scene{scene})
		if err != nil {
			return err
		}
		var list []string
		for len(list) < c.Search.List-1 {
			caption := others.Scene(rng.IntN(others.Len())).Caption(rng)
			if holds, err := scene.True(caption); err == nil && !holds {
				list = append(list, caption)
			}
		}
		_, s, err := j.likes(eyes[0], list)
		if err != nil {
			return err
		}
		own := scene.Caption(rng)
		best, most, err := j.likes(eyes[0], append(list, own))
		if err != nil {
			return err
		}
		if best == own {
			right++
		}
		with, without = append(with, most), append(without, s)
	}
	found.Listed, found.WithTrue, found.WithoutAny = stats.NewProportion(right, c.Search.Scenes), stats.NewMean(with), stats.NewMean(without)
	return nil
}
