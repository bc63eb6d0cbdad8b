// Package lesson is the frame of the lesson's experiments: each asks one question of "From vision-language models to CLIP", answers it by runs that
// anyone can repeat, and has a page whose every number and figure comes from those runs.
//
// A [Study] is an experiment, lesson/NAME, with its page, docs/results/lesson-NAME.md. The studies are packages of their own below this one;
// the package studies lists them.
package lesson
