package scenes

import "image"

// Scene is one picture's content: what is drawn where, exactly. It is made by [Scenes.Scene] and is read-only.
type Scene struct {
	Index      int        // its number in the data set
	Side       int        // width and height of the picture in pixels
	Background Background // kind of background
	Objects    []Object   // from back to front: later ones may hide parts of earlier ones

	cfg   Config
	owner []uint8 // Side*Side: 1 + index of the object in sight at a pixel, 0 for the background
}

// Object is one thing in a scene. A pixel counts as part of an object when the object covers at least half of it.
type Object struct {
	Shape   Shape
	Colour  Colour
	Size    Size
	Texture Texture

	Full    image.Rectangle // smallest rectangle around all its pixels, hidden ones too
	Box     image.Rectangle // smallest rectangle around the pixels in sight
	Visible float64         // share of its pixels in sight, at least MinVisible

	stencil stencil
	corner  image.Point // the pixel of the picture where the stencil's corner lies
	pixels  int         // pixels covered, hidden ones too
	seen    int         // of those, in sight
}

// Relation is a fact about two objects of a scene, given by their indices: A is at Place, seen from B.
type Relation struct {
	A, B  int
	Place Place
}

// Related says whether object a lies at the place, seen from object b. It does when the centre of a's full box
// lies at least an eighth of the picture's side further in that direction; how far it lies off in the other
// direction does not matter, so a circle can be left of a square and above it. Of any two objects at least one
// is left of or above the other.
func (s Scene) Related(a, b int, place Place) bool {
	d := s.Objects[a].offset(s.Objects[b])
	switch place {
	case LeftOf:
		return s.far(-d.X)
	case RightOf:
		return s.far(d.X)
	case Above:
		return s.far(-d.Y)
	case Below:
		return s.far(d.Y)
	}
	return false
}

// offset is twice the way from the other object's centre to this one's: doubled, it is whole.
func (o Object) offset(other Object) image.Point {
	return o.Full.Min.Add(o.Full.Max).Sub(other.Full.Min).Sub(other.Full.Max)
}

// far says whether half the length (lengths are doubled in offset) is an eighth of the side or more.
func (s Scene) far(doubled int) bool { return 4*doubled >= s.Side }

// apart says whether at least one relation holds between the two.
func (s Scene) apart(a, b Object) bool {
	d := a.offset(b)
	return s.far(max(d.X, -d.X, d.Y, -d.Y))
}

// Relations lists every relation that holds, both ways round, in a fixed order.
func (s Scene) Relations() []Relation {
	var list []Relation
	for a := range s.Objects {
		for b := range s.Objects {
			for _, place := range places {
				if a != b && s.Related(a, b, place) {
					list = append(list, Relation{a, b, place})
				}
			}
		}
	}
	return list
}

// Mask is the pixels of object k that are in sight, over the whole picture: 255 there, 0 elsewhere.
func (s Scene) Mask(k int) *image.Alpha {
	mask := image.NewAlpha(image.Rect(0, 0, s.Side, s.Side))
	for i, owner := range s.owner {
		if int(owner) == k+1 {
			mask.Pix[i] = 255
		}
	}
	return mask
}

// Masks lists the masks of all objects. No pixel is in two of them.
func (s Scene) Masks() []*image.Alpha {
	masks := make([]*image.Alpha, len(s.Objects))
	for k := range masks {
		masks[k] = s.Mask(k)
	}
	return masks
}

// biggest is the index of the object with the most pixels in sight, the first of several.
func (s Scene) biggest() int {
	best := 0
	for k, o := range s.Objects {
		if o.seen > s.Objects[best].seen {
			best = k
		}
	}
	return best
}

// count is how many objects fit the phrase.
func (s Scene) count(p phrase) int {
	n := 0
	for _, o := range s.Objects {
		if p.fits(o) {
			n++
		}
	}
	return n
}
