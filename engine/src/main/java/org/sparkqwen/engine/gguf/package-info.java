/// Reads GGUF files: their header, their metadata as the small files of a model, and their blocks of quantized numbers.
@NullMarked
package org.sparkqwen.engine.gguf;

import org.jspecify.annotations.NullMarked;
