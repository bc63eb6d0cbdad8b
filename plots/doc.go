// Package plots draws the lab's figures: curves, heat maps, attention over pictures, scatter maps and bars. It knows
// no model and no data set: numbers, names and pictures go in, a [Figure] comes out.
//
// # Figures
//
//   - [Curves]: named series over steps, with bands and reference lines: loss, temperature, learning rate.
//   - [Heatmap]: one or several matrices on one colour scale: similarity before and after training.
//   - [AttentionStrip]: a picture, then the picture once for each word, bright where the word looks;
//     [AttentionOverlay] is one such panel as an image, [AttentionGIF] the same in time, one frame a word.
//   - [Scatter]: points in the plane by group, with lines between the members of a pair: a map of embeddings.
//   - [Grid]: figures beside and below each other: small multiples.
//   - [Bars]: grouped bars with 95% intervals and chance: accuracy, recall@k.
//   - [PCA], [TSNE] and [UMAP] bring embeddings down to the plane for a scatter map; [Neighbours] says how well such a
//     map keeps who lies beside whom.
//   - [Diagram]: boxes and arrows: how a model is put together.
//
// Every function takes one config struct and returns a *Figure or an error in one sentence; nothing is drawn until
// the figure is written with [Figure.PNG], [Figure.SVG], [Figure.Save], [Figure.HTML] or [DataURI], so leave the slices
// and pictures that it was given alone until then:
//
//	fig, err := plots.Curves(plots.CurvesConfig{
//		Title: "Training loss", XLabel: "step", YLabel: "loss (nats)",
//		Series: []plots.Series{{Name: "train", X: steps, Y: losses}},
//	})
//	if err != nil {
//		return err
//	}
//	return fig.Save("loss.png")
//
// A figure is laid out for the width it is written at, 800 pixels unless told otherwise. Text keeps its size
// (12 to 16 pixels, 10 at the least), so a wider figure has more room, not larger letters. The same figure gives the
// same bytes every time.
//
// # Colours
//
//   - Categories: the eight colours of Okabe and Ito, which the common forms of colour blindness keep apart
//     (M. Okabe and K. Ito, Color Universal Design, 2008), see [Category]. In scatter maps the shape of the marker
//     says the same again; curves get dashes when there are more than eight.
//   - Sequential: [Viridis] (S. van der Walt and N. Smith, 2015, the default of Matplotlib).
//   - Signed: [Vik], blue-white-red, centred on zero (F. Crameri, Scientific colour maps, doi:10.5281/zenodo.1243862).
//
// # Text
//
// Labels are drawn in Liberation Sans, which covers Latin, Greek and Cyrillic. A PNG shows a box for each
// character the font lacks (Chinese, emoji); an SVG leaves the choice of another font to the browser. Control
// characters become spaces, labels that are too long end in an ellipsis, and titles wrap.
package plots
