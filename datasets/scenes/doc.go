// Package scenes is a data set that is drawn, not downloaded: small pictures of coloured shapes, each with
// sentences that describe it and with the exact truth about what is in it. It needs no file and no network, and it
// is what every part of the lab falls back on.
//
// # What a scene is
//
// One to four objects lie on a background. An object has a [Shape] (six of them), a [Colour] (eight), a [Size]
// (small or large) and a [Texture] (plain, striped or dotted); it is turned by up to 13 degrees either way and lies
// wholly inside the picture. Backgrounds are nearly grey: one tone, a gradient, speckles, wide stripes or soft
// blobs. With Occlusion, objects in front hide up to 30% of those behind; objects of one colour never touch.
// Noise is added last.
//
// Scene i depends on the [Config] and on i alone. It does not matter in which order, how often or by how many
// goroutines scenes are asked for, and since all drawing is done in whole numbers the bytes are the same on every
// 64-bit machine. Layout, pixels, captions and questions draw from random streams of their own: changing Noise changes no
// layout. Changing MinObjects, MaxObjects, Occlusion or Size does.
//
// # The truth
//
// A [Scene] tells, for each object, the box around all its pixels and around those in sight, the mask of those in
// sight, and the share in sight; for each two objects, how they lie to each other ([Scene.Related]); and it asks
// questions with answers ([Scene.Questions]): about an attribute, a number, existence, a relation. Questions and
// captions speak of nothing that cannot be seen.
//
// # Splits
//
// Eight of the 48 pairs of colour and shape are held out, one in each colour ([HeldOut]): there are no red crosses,
// orange or pink circles, yellow or purple squares, green triangles, cyan stars and blue rings in [Train], though
// every colour and every shape is there. [Test] has the same pairs in other scenes: it measures what was learned.
// Every scene of [Unseen] has at least one held-out pair: it measures whether a model that knows red and knows
// crosses knows a red cross. In Train and Test, questions do not name held-out pairs either.
//
// # Captions
//
// Captions are sentences of a small grammar, and [Scene.True] says of any sentence of that grammar, whoever wrote
// it, whether it is true of a scene. In EBNF, with words in quotes and white space between words:
//
//	caption   = [ opening ] list | [ opening ] relation | group ( "is" | "are" ) place group ;
//	opening   = "there" ( "is" | "are" ) | "a" "picture" "of" ;
//	list      = group { separator group } ;
//	separator = "," | "and" | "," "and" ;
//	relation  = group place group ;
//	place     = [ "to" "the" ] ( "left" | "right" ) "of" | "above" | "below" ;
//	group     = ( "a" | "an" | "one" ) adjectives noun | ( "two" | "three" | "four" ) adjectives nouns ;
//	adjectives = [ size ] [ texture ] [ colour ] ;
//	size      = "small" | "large" ;
//	texture   = "plain" | "striped" | "dotted" ;
//	colour    = "red" | "orange" | "yellow" | "green" | "cyan" | "blue" | "purple" | "pink" ;
//	noun      = "circle" | "square" | "triangle" | "star" | "cross" | "ring" | "shape" ;
//	nouns     = "circles" | "squares" | "triangles" | "stars" | "crosses" | "rings" | "shapes" ;
//
// Capitals do not matter, nor does a full stop at the end. "a" and "an", "is" and "are" are not told apart.
//
// What a sentence means: "a red circle", at least one; "one red circle", "two red circles", exactly that many in the
// whole picture. Every group stands for objects of its own. A relation holds for all objects of the one group and
// all of the other. The fewest attributes are enough: an object that is small, red and striped is also a red one.
package scenes
