# A student's image. From the repository:
#     docker build --tag course .
#     docker run --rm --publish 127.0.0.1:8888:8888 --volume course-work:/home/student course
# The address that it prints opens JupyterLab; answers are kept in the volume.
FROM python:3.12-slim

RUN useradd --create-home student
USER student
COPY --chown=student . /home/student/course
WORKDIR /home/student/course

# Makes the environment, and proves it by the solution of notebook 00.
RUN python -m coursekit run 00

EXPOSE 8888
CMD ["python", "-m", "coursekit", "lab", "--", "--ip=0.0.0.0", "--no-browser"]
