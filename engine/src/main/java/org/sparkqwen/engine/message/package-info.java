/// How messages for people quote what they did not write themselves: names, values and texts of files.
@NullMarked
package org.sparkqwen.engine.message;

import org.jspecify.annotations.NullMarked;
