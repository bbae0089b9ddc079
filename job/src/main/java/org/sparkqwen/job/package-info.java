/// The public jobs, each a transformation of a Dataset: score, generate, classify, embed, tokenize.
@NullMarked
package org.sparkqwen.job;

import org.jspecify.annotations.NullMarked;
