/// Turns text into token ids and back, as a model's tokenizer files say, and conversations into text.
@NullMarked
package org.sparkqwen.engine.tokenizer;

import org.jspecify.annotations.NullMarked;
