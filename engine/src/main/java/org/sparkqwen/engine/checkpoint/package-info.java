/// Files of a Hugging Face model directory: safetensors and JSON, read as untrusted input.
@NullMarked
package org.sparkqwen.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
