/// Reads the small files of a model directory as untrusted input.
@NullMarked
package org.sparkqwen.engine.modelfile;

import org.jspecify.annotations.NullMarked;
