/// A model's files: published safetensors or GGUF, the small files beside them, and packed files that are mapped.
@NullMarked
package org.sparkqwen.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
