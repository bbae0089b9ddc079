/// The public jobs, each a transformation of a Dataset: score, generate, embed, tokenize.
@NullMarked
package org.sparkqwen.job;

import org.jspecify.annotations.NullMarked;
