// Package metrics scores captions against what people wrote of the same pictures, without Java: the figures of the
// papers on captioning, as the published evaluation code coco-caption computes them.
//
//	BLEU-1..4    Papineni et al. 2002      [BLEUCounts]   clipped n-gram precision with a penalty for short captions
//	ROUGE-L      Lin 2004                  [ROUGEL]       longest common subsequence, F measure with beta 1.2
//	CIDEr-D      Vedantam et al. 2015      [Target]       n-grams weighted by how rare they are among the pictures
//	METEOR-like  Denkowski and Lavie 2014  [METEORCounts] words aligned by form and by stem; not the published METEOR
//
// BLEU, ROUGE-L and CIDEr-D equal coco-caption's to rounding. They are fractions of 0 to 1, CIDEr-D lies between 0 and
// 10. Papers print them times 100: a CIDEr-D of 0.697 is their 69.7.
//
// [Evaluate] scores a set of pictures and keeps the parts that corpus scores are made of; [Evaluation.Bootstrap] puts
// intervals on them and [Compare] tests one system against another on the same pictures. [Explain] says which n-grams
// of a caption were credited. [DocumentFrequencies] can be counted once and used for any number of captions, which is
// what self-critical training needs. [Tokenize] makes tokenised text of raw captions; everything else takes tokenised
// text: lower-case words with blanks between.
//
// SPICE is left out: it needs a parser that there is none of in Go.
package metrics
