/// A model's weights as files: published safetensors, and packed files that are mapped into memory.
@NullMarked
package org.sparkqwen.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
