/// The facade of the engine: it opens a model, scores, classifies, generates, embeds and packs.
@NullMarked
package org.sparkqwen.engine;

import org.jspecify.annotations.NullMarked;
