package lesson

import (
	"slices"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Claim is one part of a caption of a scene that can be held against it: a colour, a shape, or a thing, a colour and a shape behind each
// other.
type Claim struct {
	Kind string // one of ClaimKinds
	Text string
	True bool
}

// ClaimKinds are the kinds of claims, from the easiest to see to the hardest.
func ClaimKinds() []string { return []string{"colour", "shape", "thing"} }

// Claims are the claims of a caption about a scene. A colour or a shape is true if some object has it, a thing if one object has both.
func Claims(scene scenes.Scene, words []string) (claims []Claim) {
	any := func(is func(o scenes.Object) bool) bool { return slices.ContainsFunc(scene.Objects, is) }
	for i, word := range words {
		if slices.Contains(scenes.Colours(), scenes.Colour(word)) {
			claims = append(claims, Claim{"colour", word, any(func(o scenes.Object) bool { return string(o.Colour) == word })})
		}
		if slices.Contains(scenes.Shapes(), scenes.Shape(word)) {
			claims = append(claims, Claim{"shape", word, any(func(o scenes.Object) bool { return string(o.Shape) == word })})
			if i > 0 && slices.Contains(scenes.Colours(), scenes.Colour(words[i-1])) {
				claims = append(claims, Claim{"thing", words[i-1] + " " + word, any(func(o scenes.Object) bool {
					return string(o.Colour) == words[i-1] && string(o.Shape) == word
				})})
			}
		}
	}
	return claims
}

// True is the share of the captions' claims of one of [ClaimKinds] that are true: of the captions' own scenes, or of those that lie shift
// scenes further on, about which nothing was known.
func (t *Told) True(kind string, shift int) stats.Proportion {
	hits, n := 0, 0
	for i, d := range t.Captions {
		for _, claim := range Claims(t.Scenes[(i+shift)%len(t.Scenes)], d.Words) {
			if claim.Kind == kind {
				n++
				if claim.True {
					hits++
				}
			}
		}
	}
	return stats.NewProportion(hits, n)
}

// False are the claims of caption i that are not so.
func (t *Told) False(i int) (claims []string) {
	for _, claim := range Claims(t.Scenes[i], t.Captions[i].Words) {
		if !claim.True {
			claims = append(claims, claim.Text)
		}
	}
	return claims
}
