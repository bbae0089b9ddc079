/// Text to token ids and back, as Qwen3's tokenizer.json says.
@NullMarked
package org.sparkqwen.engine.tokenizer;

import org.jspecify.annotations.NullMarked;
