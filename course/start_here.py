# %% [markdown]
# # Start here
#
# Five minutes with the tools of the course: how a cell is run, how an answer is checked, and where you are. You need to know
# a little Python, and nothing about Jupyter.

# %% [markdown]
# ## Run a cell
#
# A notebook is a page of text and of cells with code. Click into the first cell with code below and press **Shift + Enter**: it
# runs, and the next one is chosen. A number in the brackets at its left says that it has run; a star, `[*]`, that it is still at
# work. The first cell of every notebook installs the course in Colab, and does nothing elsewhere: there is no need to read it.
# Press **Shift + Enter** again for the next.

# %%
import coursekit as ck

# %% [markdown]
# This cell has loaded the course's checks. Nothing is shown: it had nothing to say. The next one has.

# %%
print("Good morning.")

# %% [markdown]
# ## 00s.1 · Five sessions
#
# Each notebook is divided into sessions of at most 90 minutes. **How many hours do five sessions take at most?**
#
# - `hours`: a number. Write it in the place of the `...`, or let Python calculate it.
#
# Every exercise says first what is to be reached:

# %%
ck.expected("00s.1")

# %% [markdown]
# Before you answer, run the next two cells as they are. The check says "not attempted": a notebook runs from top to bottom
# with nothing done, and no exercise waits for another. Then try the number of *minutes*, and see what the check makes of a
# wrong answer. Then answer.

# %%
# [solution]
hours = 5 * 90 / 60
# [stub]
# hours = ...
# [end]

# %%
ck.check("00s.1", hours)

# %% [markdown]
# After each change run both cells again, first the answer, then the check. What is wrong costs nothing, however often.
#
# Each exercise has three hints, from a nudge to nearly the answer. To see one, take away the `#` and run the cell; the next
# run shows the next hint.

# %%
# ck.hint("00s.1")

# %% [markdown]
# ## Where you are
#
# `ck.progress()` is the map of the course: which exercises are done, and which comes next. It is kept on this computer, and
# survives a restart. Five sessions was for practice and is not on it: the map begins with notebook 00.

# %%
ck.progress()

# %% [markdown]
# The notebooks, with the time that they take a reader who meets the subject for the first time:
#
# {{map}}
#
# In JupyterLab a click on a title opens the notebook. And there is a [playground](playground.ipynb) with nothing to hand in.
#
# ## In Colab
#
# 1. **Open** a notebook by the badge at its top, or by a link in the table above.
# 2. **Save a copy**: File → Save a copy in Drive. What you write is kept in your copy, and nowhere else.
# 3. **Run** the first cell. It installs the course's checks with their data.
# 4. **A GPU** is not needed. Where you want one: Runtime → Change runtime type.
# 5. **After a pause** Colab ends the session, and what your cells have made is gone; your text is not. Choose
#    Runtime → Run all, and go on. The map begins anew with each session there.
#
# ## When something is stuck
#
# | what you see | what helps |
# |---|---|
# | A cell shows `[*]` and does not end | Kernel → Interrupt. A whole notebook computes for about half a minute on two cores; a cell that takes minutes is caught in a loop. |
# | `NameError: name ... is not defined` | A cell above has not run: Run → Run All Above Selected Cell. |
# | Results make no sense any more | Kernel → Restart Kernel and Run All Cells. |
# | The kernel has died | Often memory: close other notebooks (Kernel → Shut Down All Kernels), then restart. |
# | A package cannot be loaded | In a terminal, in the course's folder: `python -m coursekit doctor` |
# | A check says something that you think is wrong | Tell us: the exercise, your answer, and what was said. |
#
# Courses, books and papers for afterwards, with a sentence on why:
# [Where to go on](https://github.com/{{repository}}/blob/{{branch}}/docs/further.md).
