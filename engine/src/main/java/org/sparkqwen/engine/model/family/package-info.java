/// The model families, each in one file, and the sizes of published models.
@NullMarked
package org.sparkqwen.engine.model.family;

import org.jspecify.annotations.NullMarked;
